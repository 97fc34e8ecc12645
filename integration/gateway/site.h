#pragma once

// Everything that a new connection goes by, made from one reading of the configuration and replaced as a whole.

#include <memory>

#include <openssl/ssl.h>

#include <binding/openssl_pointers.h>
#include <binding/published.h>
#include <binding/ssl_binding.h>

#include "passwords.h"
#include "settings.h"

namespace chmtls::gateway
{

using SslContextPtr = std::unique_ptr<SSL_CTX, host::FreeWith<&SSL_CTX_free>>;

/// Immutable.
struct Site
{
    Settings settings;
    Passwords passwords;
    SslContextPtr server; ///< for accepted connections
    SslContextPtr client; ///< for those that the gateway makes

    [[nodiscard]] const Listener * listener(Role role) const;
    /// Of a port of its own; null: it is none.
    [[nodiscard]] const Listener * ingress(const HostPort & listen) const;
    [[nodiscard]] const Egress * egress(const HostPort & listen) const;
    [[nodiscard]] const TrustedProxy * trusted_proxy(const HostPort & listen) const;
};

using CurrentSite = host::Published<Site>;

struct MadeSite
{
    std::shared_ptr<const Site> site; ///< null: see the fault
    std::string fault;
};

/// Reads what the settings name. `binding` must outlive every connection.
MadeSite make_site(Settings settings, host::SslBinding & binding);

/// Which listener an accepted SSL belongs to. Before its handshake.
void set_role(SSL * ssl, Role role);
/// For the binding: goes by set_role.
std::unique_ptr<host::ListenerResolver> resolve_by_role();

}
