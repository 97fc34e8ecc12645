#pragma once

// The ends of a connection through the gateway: non-blocking sockets, with TLS or without.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <openssl/ssl.h>

#include <binding/openssl_pointers.h>

#include "asio.h"

namespace chmtls::gateway
{

using SslPtr = std::unique_ptr<SSL, host::FreeWith<&SSL_free>>;

enum class Io : uint8_t
{
    done,
    wants_read,  ///< try again when the socket can be read
    wants_write, ///< likewise, written
    ended,       ///< the peer has said in full that it sends no more
    failed,      ///< reset, cut off, or against the protocol
};

struct Moved
{
    Io state = Io::failed;
    size_t bytes = 0; ///< done: more than none
};

/// Not thread-safe: belongs to the thread of its socket's io_context.
class End
{
public:
    explicit End(tcp::socket socket) : socket_(std::move(socket)) {}
    virtual ~End() = default;
    End(const End &) = delete;
    End & operator=(const End &) = delete;

    virtual Moved read(std::span<uint8_t> into) = 0;
    /// After wants_*: again with the same bytes, and perhaps more behind them.
    virtual Moved write(std::span<const uint8_t> from) = 0;
    /// Says that nothing more will be written. Reading goes on.
    virtual Io finish() = 0;

    tcp::socket & socket() { return socket_; }
    /// At once; what the peer has not yet got is lost, and it is told so by a reset.
    void abort() noexcept;
    void close() noexcept;

private:
    tcp::socket socket_;
};

class PlainEnd final : public End
{
public:
    using End::End;
    Moved read(std::span<uint8_t> into) override;
    Moved write(std::span<const uint8_t> from) override;
    Io finish() override;
};

class TlsEnd final : public End
{
public:
    /// Takes over a connected socket. Throws std::bad_alloc.
    TlsEnd(tcp::socket socket, SSL_CTX * context);

    /// Once it has answered done the other methods may be called. Before, they fail.
    Io handshake();
    Moved read(std::span<uint8_t> into) override;
    Moved write(std::span<const uint8_t> from) override;
    Io finish() override;

    SSL * ssl() { return ssl_.get(); }
    /// The peer has not sent a byte.
    [[nodiscard]] bool is_silent() const { return BIO_number_read(SSL_get_rbio(ssl_.get())) == 0; }
    /// Of the last failure, in OpenSSL's words; empty when the peer was just gone.
    [[nodiscard]] const std::string & failure() const { return failure_; }

private:
    Io state_after(int result);

    SslPtr ssl_;
    std::string failure_;
};

/// Keepalive and no delay: what every connection through the gateway gets. Failures are ignored: it works without as well.
void tune(tcp::socket & socket) noexcept;

/// "192.0.2.1", IPv6 that maps IPv4 as IPv4.
std::string address_text(const asio::ip::address & address);

}
