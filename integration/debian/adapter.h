#pragma once

// The module inside this server: one instance for the life of the process, made when the server first reads its users, provided
// that its configuration has an <mtls> section. Without one nothing is made, and every hook passes its call on.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include <Poco/AutoPtr.h>
#include <Poco/Util/AbstractConfiguration.h>

#include <binding/ssl_binding.h>
#include <clickhouse_mtls/plugin.hpp>

#include "lingering_close.h"
#include "names/dns_flusher.h"
#include "names/known_addresses.h"
#include "waiting.h"
#include <binding/reloader.h>
#include <binding/session_sockets.h>

namespace DB
{
class Context;
}

namespace chmtls::debian
{

using ConfigurationPtr = Poco::AutoPtr<Poco::Util::AbstractConfiguration>;

/// Whom an outgoing connection goes to.
enum class Peer
{
    node,
    other,
};

/// Thread-safe after start.
class Adapter
{
public:
    /// Null: no <mtls> section, or the server has not come that far.
    static Adapter * active() noexcept;

    /// The server has read its users for the first time. Makes the adapter when the main configuration asks for one, and prepares
    /// TLS. Throws Poco::Exception with every finding when the configuration cannot be used: the server must not start.
    static void start(DB::Context & context, const Poco::Util::AbstractConfiguration & users);

    /// Takes a reloaded users configuration. Throws Poco::Exception when it is refused; the one in force stays. Returns what was
    /// in force before, for give_users_back.
    std::string take_users(const Poco::Util::AbstractConfiguration & users);

    /// The server itself has refused the users configuration that was taken: back to the former one.
    void give_users_back(const std::string & former) noexcept;

    /// Takes a reloaded main configuration. When it is refused the reason is logged, the one in force stays, and it is tried
    /// again, since the files that it names may still be on their way.
    void take_server(const ConfigurationPtr & reloaded);

    chmtls::Plugin & plugin() noexcept { return *plugin_; }
    SessionSockets & sockets() noexcept { return sockets_; }
    Reloader & reloader() noexcept { return reloader_; }
    DnsFlusher & flusher() noexcept { return flusher_; }
    KnownAddresses & addresses() noexcept { return addresses_; }
    LingeringClose & lingering() noexcept { return lingering_; }
    /// Must the server of an outgoing connection prove the name it was called by: always a node when mtls.nodes says which
    /// certificates are nodes, everybody with openSSL.client.extendedVerification.
    bool compares_names(Peer peer) const noexcept;
    /// Does an outgoing connection end when its server is refused: always a node when mtls.nodes says which certificates are
    /// nodes, everybody unless openSSL.client accepts whatever comes.
    bool verifies(Peer peer) const noexcept;
    /// mtls.nodes says which certificates are nodes.
    bool names_nodes() const noexcept { return names_nodes_.load(std::memory_order_relaxed); }
    /// Does this main configuration refuse connections in plain text?
    static bool wants_no_plaintext(const Poco::Util::AbstractConfiguration & config);
    /// mtls.nodes.plaintext: nodes are reached over TLS or not at all.
    bool refuses_plaintext() const noexcept { return refuses_plaintext_.load(std::memory_order_relaxed); }
    /// mtls.nodes.unasked_inserts: rows that no user's query has brought go to other nodes.
    bool sends_unasked_inserts() const noexcept { return sends_unasked_inserts_.load(std::memory_order_relaxed); }
    /// tcp_port_secure, where it is the port of native connections between nodes: there is no tcp_port, or nodes refuse it.
    std::optional<uint16_t> port_between_nodes() const noexcept;
    Waiting & waiting() noexcept { return waiting_; }
    /// How many accepted connections may wait for a thread of a port's.
    int queue_length() const noexcept { return queue_length_.load(std::memory_order_relaxed); }
    std::chrono::milliseconds keeper_handshake_limit() const noexcept { return keeper_handshake_limit_; }

private:
    class Callbacks;
    Adapter(DB::Context & context, Poco::Util::AbstractConfiguration & config, const Poco::Util::AbstractConfiguration & users);

    /// Of a main configuration: what goes to the module, and what the hooks themselves go by.
    struct Server
    {
        std::string xml;
        bool names_nodes = false;
        bool refuses_plaintext = false;
        bool sends_unasked_inserts = false;
        bool extended_verification = false;
        bool verifies_servers = true;
        std::string policy; ///< the settings that say who must prove who they are, as one text
    };
    static Server server_of(const Poco::Util::AbstractConfiguration & config);

    bool retry();
    void reload();
    void flush(const std::set<std::string> & hosts);
    bool configure_server(const Server & server);
    void obey(const Server & server) noexcept;
    void obey_host_policy();
    void end_unproven(const Server & server);
    std::string exchange_users(std::string xml);
    chmtls::Outcome configure_patiently(chmtls::Configuration wanted);

    std::mutex mutex_; // guards what follows
    chmtls::Configuration in_force_;
    std::optional<Server> pending_server_; // to be tried (again)
    bool users_refused_ = false;
    std::string last_refusal_;
    std::string start_only_;

    DB::Context & context_;
    const std::optional<uint16_t> secure_port_;
    const bool has_plaintext_port_;
    const std::chrono::milliseconds keeper_handshake_limit_;
    std::atomic<bool> names_nodes_ = false;
    std::atomic<bool> refuses_plaintext_ = false;
    std::atomic<bool> sends_unasked_inserts_ = false;
    std::atomic<bool> extended_verification_ = false;
    std::atomic<bool> verifies_servers_ = true;
    std::string policy_;            // guarded by the mutex
    std::string last_reload_error_; // of the reloader's thread only
    const size_t max_connections_;  ///< threads for connections of all ports
    std::atomic<int> queue_length_ = 0;
    host::Unfinished unfinished_;
    Waiting waiting_;
    SessionSockets sockets_;
    Reloader reloader_;
    LingeringClose lingering_;
    KnownAddresses addresses_;
    DnsFlusher flusher_;
    std::shared_ptr<chmtls::Plugin> plugin_;
    std::unique_ptr<host::SslBinding> binding_;
};

}
