// Poco::Net::SocketImpl::receiveBytes, SecureStreamSocketImpl::receiveBytes: the bytes of a connection before the server sees
// them, as far as the names that it would log.

#include <Poco/Net/SecureStreamSocketImpl.h>
#include <Poco/Net/SocketImpl.h>

#include "connection_scope.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

template <typename Socket>
int receive(Symbol symbol, Socket * socket, void * buffer, int length, int flags)
{
    const int received = original_as<int(Socket *, void *, int, int)>(symbol)(socket, buffer, length, flags);
    auto * const scope = ConnectionScope::current();
    if (scope != nullptr && received > 0 && scope->reads_hello_from(socket))
        scope->read_hello(static_cast<char *>(buffer), static_cast<size_t>(received));
    return received;
}

}

int Poco::Net::SocketImpl::receiveBytes(void * buffer, int length, int flags)
{
    return receive(Symbol::receive, this, buffer, length, flags);
}

int Poco::Net::SecureStreamSocketImpl::receiveBytes(void * buffer, int length, int flags)
{
    return receive(Symbol::secure_receive, this, buffer, length, flags);
}
