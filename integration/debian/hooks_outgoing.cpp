// Poco::Net::SecureSocketImpl::connectSSL: connections that the server itself makes.

#include <Poco/Net/SecureSocketImpl.h>

#include <host/ssl_binding.h>

#include "adapter.h"
#include "symbols.h"

using namespace chmtls::debian;

void Poco::Net::SecureSocketImpl::connectSSL(bool handshake_now)
{
    const auto connect = original_as<void(SecureSocketImpl *, bool)>(Symbol::secure_connect);
    const auto * const adapter = Adapter::active();
    if (adapter == nullptr || !adapter->compares_names())
        return connect(this, handshake_now);

    connect(this, false); // makes the SSL; the handshake waits until the name is on it
    try
    {
        // Without a name of its own the server is called by its address: native connections resolve it first.
        const auto & name = getPeerHostName();
        chmtls::host::SslBinding::expect_name(_pSSL, name.empty() ? _pSocket->peerAddress().host().toString() : name);
        if (handshake_now && _pSocket->getBlocking())
            completeHandshake();
    }
    catch (...)
    {
        SSL_free(_pSSL); // as the original does when its handshake fails
        _pSSL = nullptr;
        throw;
    }
}
