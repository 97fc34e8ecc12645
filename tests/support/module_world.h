#pragma once

// The real module on a directory of certificates issued in process.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <clickhouse_mtls/plugin.hpp>

#include "support/certificates.h"
#include "support/temp_dir.h"
#include "support/tls_pair.h"

namespace chmtls::test
{

/// The module of this build, loaded once per process.
[[nodiscard]] const Module & module_of_this_build();

/// What a ModuleWorld writes into its configuration; change, then ModuleWorld::reload.
struct WorldOptions
{
    std::string listener_mode = "required";     ///< of tcp_port_secure; interserver_https_port always requires
    std::string https_mode = "optional";        ///< of https_port
    std::string client_verification = "strict"; ///< openSSL.client.verificationMode
    bool client_certificate = true;             ///< present one on outgoing connections
    std::string extra_server
        = "<cacheSessions>true</cacheSessions>"; ///< XML inside openSSL.server; without this nothing is resumed
    std::string extra_client;                    ///< XML inside openSSL.client
    std::string extra_mtls;                      ///< XML inside mtls
    std::string users;                           ///< the users configuration; empty: none
};

/// One authority ("root"), a server certificate for server.test and a client certificate ("our.client"), all in a directory, and
/// a configuration that names them: listeners tcp_port_secure, https_port and interserver_https_port.
class ModuleWorld
{
public:
    explicit ModuleWorld(WorldOptions world_options = {});

    /// Makes a plugin of the present configuration; throws with its findings.
    [[nodiscard]] std::shared_ptr<Plugin> plugin(std::shared_ptr<HostCallbacks> callbacks = nullptr) const;

    [[nodiscard]] Configuration configuration() const;

    /// Number of the plugin's generation.
    [[nodiscard]] static uint64_t generation(const Plugin & plugin);

    // Files; a plugin sees them at its next configure, or by itself a moment later.
    void serve(const pki::Issued & issued, const std::vector<pki::Issued> & intermediates = {}) const;
    void serve_as(const std::string & name, const pki::Issued & issued) const; ///< <name>.crt and <name>.key
    void trust(const std::vector<pki::Issued> & authorities) const;            ///< whose clients and servers are believed

    /// A plain OpenSSL client of the world's servers, without a certificate.
    [[nodiscard]] ContextPtr plain_client(int version) const;
    /// The same with a certificate.
    [[nodiscard]] ContextPtr plain_client(int version, const pki::Issued & shown) const;

    WorldOptions options;
    TempDir directory;
    pki::Issued root = authority("root");
    pki::Issued server = leaf(server_spec("server.test"), root);
    // A name that the rule for everybody does not match: what that matches is shown to no server of url().
    pki::Issued client = leaf(client_spec("our.client"), root);
};

}
