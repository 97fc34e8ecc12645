#pragma once

// The module inside this server: one instance for the life of the process, made when the server first reads its users, provided
// that its configuration has an <mtls> section. Without one nothing is made, and every hook passes its call on.

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <Poco/AutoPtr.h>
#include <Poco/Util/AbstractConfiguration.h>

#include <clickhouse_mtls/plugin.hpp>
#include <host/ssl_binding.h>

#include "dns_flusher.h"
#include "known_addresses.h"
#include "reloader.h"
#include "session_sockets.h"

namespace DB
{
class Context;
}

namespace chmtls::debian
{

using ConfigurationPtr = Poco::AutoPtr<Poco::Util::AbstractConfiguration>;

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
    /// openSSL.client.extendedVerification: the server of an outgoing connection must prove the name it was called by.
    bool compares_names() const noexcept { return compares_names_; }

private:
    class Callbacks;
    Adapter(
        DB::Context & context, const Poco::Util::AbstractConfiguration & config, const Poco::Util::AbstractConfiguration & users);

    bool retry();
    void reload();
    void flush(const std::set<std::string> & hosts);
    bool configure_server(const std::string & xml);
    std::string exchange_users(std::string xml);
    chmtls::Outcome configure_patiently(chmtls::Configuration wanted);

    std::mutex mutex_; // guards what follows
    chmtls::Configuration in_force_;
    std::string pending_server_; // refused, to be tried again; empty: none
    bool users_refused_ = false;
    std::string last_refusal_;
    std::string start_only_;

    DB::Context & context_;
    const bool compares_names_;
    std::string last_reload_error_; // of the reloader's thread only
    SessionSockets sockets_;
    Reloader reloader_;
    KnownAddresses addresses_;
    DnsFlusher flusher_;
    std::shared_ptr<chmtls::Plugin> plugin_;
    std::unique_ptr<host::SslBinding> binding_;
};

}
