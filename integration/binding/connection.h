#pragma once

#include <memory>
#include <optional>
#include <string>

#include <binding/ssl_binding.h>

namespace chmtls::host
{

/// What the binding remembers of one SSL; lives in its ex_data and is freed with it. Used by the connection's thread only.
struct Connection
{
    /// Which binding took the connection over; null on outgoing connections. Never dereferenced through here.
    const void * binding = nullptr;

    std::string listener;                      ///< accepted connections
    std::string server_name;                   ///< accepted connections: SNI of the ClientHello
    std::string expected_name;                 ///< outgoing connections
    uint32_t purpose = CHMTLS_PURPOSE_GENERAL; ///< outgoing connections
    std::optional<std::string> asker;          ///< outgoing connections: the user whose statement named the server

    uint32_t client_certificate = CHMTLS_CLIENT_CERTIFICATE_REQUIRED;
    uint64_t generation = 0; ///< of the listener policy in force
    bool resumable = false;
    bool host_tells_refusals = false;

    /// A chain that was judged need not be the one of the finished handshake: see SslBinding::identity_of.
    std::shared_ptr<const PeerIdentity> verified;
    std::shared_ptr<const PeerIdentity> resumed;

    std::string refusal;

    /// The SSL's connection, or null.
    static Connection * of(const SSL * ssl) noexcept;

    /// The SSL's connection, made if need be. Throws std::bad_alloc.
    static Connection & at(SSL * ssl);

    /// As `at`, with all that a former handshake on a reused SSL left behind removed.
    static Connection & anew(SSL * ssl);
};

}
