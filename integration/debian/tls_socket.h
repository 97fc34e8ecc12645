#pragma once

// TLS over a connection that the server made in plaintext: Keeper, which 18.16 knows no TLS for, and native connections to nodes
// where remote() knows none.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <openssl/ssl.h>

#include <Poco/Net/StreamSocketImpl.h>

#include <binding/descriptor.h>

#include "adapter.h"
#include "connection_origin.h"

namespace chmtls::debian
{

/// Whom the other end must prove to be.
struct OutgoingPeer
{
    std::string host; ///< the configured name or address
    uint32_t purpose = CHMTLS_PURPOSE_GENERAL;
    uint32_t interface = CHMTLS_INTERFACE_NATIVE;
    NamedBy named_by = NamedBy::statement({});
    std::string description; ///< how messages name it: "Keeper zk1.example.org"
};

/// A connected socket. Keeper's client reads and writes on two threads at once, which neither OpenSSL nor Poco's secure socket
/// allow for: here each call of OpenSSL is under a lock, and nobody waits for the network with the lock held.
class TlsSocket : public Poco::Net::StreamSocketImpl
{
public:
    /// Takes the descriptor over, completes the handshake, has the peer judged and the connection watched. Throws
    /// Poco::Net::NetException, saying why, and Poco::TimeoutException when the handshake is not over by the deadline.
    TlsSocket(
        host::Descriptor descriptor, SSL_CTX * context, const OutgoingPeer & peer, Adapter & adapter,
        std::chrono::milliseconds limit);

    int sendBytes(const void * buffer, int length, int flags) override;
    int receiveBytes(void * buffer, int length, int flags) override;
    int available() override;
    bool poll(const Poco::Timespan & timeout, int mode) override;
    void shutdownSend() override;
    void shutdown() override;
    void close() override;
    bool secure() const override { return true; }

    using StreamSocketImpl::receiveBytes;
    using StreamSocketImpl::sendBytes;

protected:
    ~TlsSocket() override;

private:
    using Deadline = std::chrono::steady_clock::time_point;

    struct Freed
    {
        void operator()(SSL * ssl) const noexcept { SSL_free(ssl); }
    };

    void handshake(const OutgoingPeer & peer, Deadline deadline);
    template <class Operation>
    int perform(Operation && operation, Deadline deadline);
    void say_goodbye() noexcept;

    const std::string description_;
    bool established_ = false; // set before the socket is anybody else's
    std::mutex mutex_;         // guards ssl_
    std::unique_ptr<SSL, Freed> ssl_;
};

}
