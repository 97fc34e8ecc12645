#pragma once

// Binds an OpenSSL SSL_CTX (3.0 or newer) of a host to the clickhouse-mtls module. Knows no ClickHouse, no Poco, no Debian:
// every host compiles these files and hands over its contexts.
//
// Server side, per connection: ClientHello callback (policy by local port) -> cert_cb (key and chain by SNI) ->
// cert_verify_callback (the module judges the peer's DER) -> identity stored on the SSL. A resumed session carries the peer's
// chain inside its (encrypted) ticket and is judged again by the current generation before the ticket is taken.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <openssl/ssl.h>

#include <clickhouse_mtls/plugin.hpp>

namespace chmtls::host
{

/// What was found out about a connection's peer. Immutable once the handshake is over.
struct PeerIdentity
{
    chmtls::Identity identity; ///< the module's handle, never empty
    int64_t valid_until = 0;   ///< seconds since the epoch
    uint64_t generation = 0;
};

/// Finds the listener's name for an accepted connection. Called once per ClientHello, on the connection's thread.
class ListenerResolver
{
public:
    virtual ~ListenerResolver() = default;
    /// Name of the listener ("tcp_port_secure", ...), or nothing: the connection is refused.
    virtual std::optional<std::string> listener_of(SSL * ssl) const = 0;
    /// Whether the host itself tells a client that its chain was refused, in words of its protocol. Under TLS 1.3, where a client
    /// is through before it has been judged and often sees no alert, the handshake then goes on; there is no identity, nothing to
    /// resume, and refusal_of says why. The host must ask that before all else.
    virtual bool tells_refusals(SSL * ssl) const
    {
        static_cast<void>(ssl);
        return false;
    }
};

/// Resolver by local TCP port of the SSL's socket (getsockname on SSL_get_fd).
std::unique_ptr<ListenerResolver> resolve_by_local_port(std::vector<std::pair<uint16_t, std::string>> listeners);

/// One binding serves any number of contexts. Must outlive every SSL made from them.
/// Thread-safe; the handshake path takes no lock that a reload holds.
class SslBinding
{
public:
    /// Throws std::invalid_argument (a null pointer), std::runtime_error (OpenSSL lacks AES-256-CBC), std::bad_alloc.
    SslBinding(std::shared_ptr<chmtls::Plugin> plugin, std::unique_ptr<ListenerResolver> resolver);
    ~SslBinding();
    SslBinding(const SslBinding &) = delete;
    SslBinding & operator=(const SslBinding &) = delete;

    /// Takes over certificates, verification, resumption and protocol bounds of a server context. Cipher lists stay the host's,
    /// and so do protocols that it switched off by options. Call before the first SSL is made from the context; later changes by
    /// the host of what was taken over undo the binding. Throws std::runtime_error or std::bad_alloc.
    void attach_server(SSL_CTX * context);

    /// Takes over certificates and verification of a client context. Per connection, the expected name is set by expect_name.
    /// Sessions are not resumed: a resumed one shows no certificate to judge. As attach_server otherwise.
    void attach_client(SSL_CTX * context);

    /// The configured host name or address that the server of an outgoing connection must prove; a name is also sent as SNI.
    /// Call before the handshake. Throws std::bad_alloc.
    static void expect_name(SSL * ssl, const std::string & name);

    /// Only sends the name as SNI, when it is one: the server of an outgoing connection need not prove it. Call before the
    /// handshake. Throws std::bad_alloc.
    static void send_name(SSL * ssl, const std::string & name);

    /// What an outgoing connection is for, CHMTLS_PURPOSE_*; GENERAL unless it was said. Call before the handshake. A purpose
    /// that the module does not know ends it. Throws std::bad_alloc.
    static void set_purpose(SSL * ssl, uint32_t purpose);

    /// The server of an outgoing connection was named by an SQL statement of this user (empty: of nobody who is known), not by
    /// the configuration: our certificate for nodes is not for it unless the module says otherwise. What the server has to prove
    /// is not changed. Call before the handshake. Throws std::bad_alloc.
    static void named_by_statement(SSL * ssl, std::string asker);

    /// The peer's identity, or null: it showed no certificate, the SSL is not bound, or the handshake is not over (until then the
    /// peer has shown a chain but not that it holds the key). Valid as long as the shared pointer.
    static std::shared_ptr<const PeerIdentity> identity_of(const SSL * ssl);

    /// Why the module refused this peer; empty when it did not. After a handshake only where the host tells refusals.
    static std::string refusal_of(const SSL * ssl);

    /// Listener the connection was accepted on; empty for outgoing or unbound ones.
    static std::string listener_of(const SSL * ssl);

    class Impl; ///< of the binding's own files

private:
    std::unique_ptr<Impl> impl_;
};

}
