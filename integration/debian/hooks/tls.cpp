// What Poco's TLS sockets do not do. SecureSocketImpl::close: a connection whose handshake we refused is closed so that the alert
// arrives. SecureSocketImpl::mustRetry: a peer that says nothing takes its timeout once.

#include <cerrno>

#include <Poco/Exception.h>
#include <Poco/Net/SecureSocketImpl.h>

#include "adapter.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// Shorter ones are those of a pool's connect (50 ms), in which a handshake on a busy machine needs Poco's second wait.
const Poco::Timespan shortest(1, 0);

/// A server's side that has ended its handshake by itself, not one that waits for the peer or has not heard of it.
bool has_refused(const SSL * ssl)
{
    return ssl != nullptr && SSL_is_server(ssl) == 1 && SSL_is_init_finished(ssl) == 0 && SSL_in_before(ssl) == 0
           && SSL_want_nothing(ssl);
}

}

void Poco::Net::SecureSocketImpl::close()
{
    auto * const adapter = Adapter::active();
    if (adapter != nullptr && has_refused(_pSSL))
        adapter->lingering().take(_pSocket->sockfd());
    original_as<void(SecureSocketImpl *)>(Symbol::secure_close)(this);
}

bool Poco::Net::SecureSocketImpl::mustRetry(int result)
{
    const int error = errno;
    // A blocking socket gives nothing only when its timeout is over. Poco would wait for it once more.
    if (Adapter::active() != nullptr && result <= 0 && _pSSL != nullptr && _pSocket->getBlocking()
        && (error == EAGAIN || error == EWOULDBLOCK))
    {
        const int wanted = SSL_get_error(_pSSL, result);
        const bool reading = wanted == SSL_ERROR_WANT_READ;
        const auto timeout = reading ? _pSocket->getReceiveTimeout() : _pSocket->getSendTimeout();
        if ((reading || wanted == SSL_ERROR_WANT_WRITE) && timeout >= shortest)
        {
            if (_pSocket->poll(Poco::Timespan(0), reading ? SocketImpl::SELECT_READ : SocketImpl::SELECT_WRITE))
                return true;
            throw Poco::TimeoutException();
        }
    }
    errno = error;
    return original_as<bool(SecureSocketImpl *, int)>(Symbol::secure_must_retry)(this, result);
}
