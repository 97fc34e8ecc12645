#pragma once

// Two SSL objects joined in memory: no socket, no thread, no timing.

#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace chmtls::test
{

struct FreeSslObjects
{
    void operator()(SSL * ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_CTX * context) const noexcept { SSL_CTX_free(context); }
    void operator()(SSL_SESSION * session) const noexcept { SSL_SESSION_free(session); }
};

using SslPtr = std::unique_ptr<SSL, FreeSslObjects>;
using ContextPtr = std::unique_ptr<SSL_CTX, FreeSslObjects>;
using SessionPtr = std::unique_ptr<SSL_SESSION, FreeSslObjects>;

/// A context bound to exactly this version (TLS1_2_VERSION, TLS1_3_VERSION).
[[nodiscard]] ContextPtr server_context(int version);
[[nodiscard]] ContextPtr client_context(int version);

/// What one side of a connection lived through.
struct Side
{
    bool handshake_done = false;
    int alert_received = -1; ///< AlertDescription of a fatal alert, -1: none
    std::string error;       ///< OpenSSL's reason for the failure of this side, empty: none
};

/// What came of a connection. A TLS 1.3 client believes in its handshake before the server has judged it, so only a completed
/// round trip of application data counts.
struct Report
{
    bool completed = false; ///< handshake, "ping" from the client and "pong" from the server have all arrived
    Side server;
    Side client;
};

class TlsPair
{
public:
    TlsPair(SSL_CTX * server, SSL_CTX * client);
    ~TlsPair();
    TlsPair(const TlsPair &) = delete;
    TlsPair & operator=(const TlsPair &) = delete;

    [[nodiscard]] SSL * server() const { return server_.get(); }
    [[nodiscard]] SSL * client() const { return client_.get(); }

    /// Handshake and one round trip, as far as they go.
    const Report & run();

    /// Handshake only, both sides as far as they go.
    const Report & handshake();

    /// The client's session after `run`, for a later connection.
    [[nodiscard]] SessionPtr client_session() const;

private:
    bool step(SSL * ssl, Side & side);
    bool transfer(SSL * from, Side & from_side, SSL * to, Side & to_side, const char * text);

    Report report_;
    SslPtr server_;
    SslPtr client_;
};

}
