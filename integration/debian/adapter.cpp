#include "adapter.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include <dlfcn.h>

#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/Util/Application.h>

#include <clickhouse_mtls/section_name.h>

#include "behalf/client_info.h"
#include "config_xml.h"
#include "connection_scope.h"
#include "keeper.h"
#include "log.h"
#include "names/server_dns.h"
#include "process_memory.h"
#include "required_section.h"
#include "symbols.h"
#include "tls_context.h"
#include <binding/quiet_thread.h>

namespace chmtls::debian
{

namespace
{

// Made once and never destroyed: connections may still be served while the process ends.
Adapter * the_adapter = nullptr;

const std::string section(chmtls::section_name);

constexpr int max_attempts = 4;
constexpr std::chrono::milliseconds between_attempts{150};

/// A word as the module reads it: in either case, with blanks around it.
std::string word_at(const Poco::Util::AbstractConfiguration & config, const std::string & key)
{
    return Poco::toLower(Poco::trim(config.getString(key, {})));
}

/// "; did you mean <mtls> by <mlts>?", or nothing.
std::string slips_of_section(const Poco::Util::AbstractConfiguration & config)
{
    std::string text;
    Poco::Util::AbstractConfiguration::Keys keys;
    config.keys(keys);
    for (const auto & key : keys)
        if (chmtls::is_slip_of_section_name(key))
            text += "; did you mean <mtls> by <" + key + ">?";
    return text;
}

/// The values at and below a key, one a line.
void append_text(const Poco::Util::AbstractConfiguration & config, const std::string & key, std::string & text)
{
    if (config.has(key))
        text.append(key).append("=").append(config.getString(key, {})).append("\n");
    Poco::Util::AbstractConfiguration::Keys below;
    config.keys(key, below);
    for (const auto & name : below)
        append_text(config, std::string(key).append(".").append(name), text);
}

// By local port, and on the way notes which SSL belongs to the connection that this thread serves.
class ScopedResolver : public host::ListenerResolver
{
public:
    explicit ScopedResolver(std::vector<std::pair<uint16_t, std::string>> listeners)
        : by_port_(host::resolve_by_local_port(std::move(listeners)))
    {
    }

    std::optional<std::string> listener_of(SSL * ssl) const override
    {
        if (auto * const scope = ConnectionScope::current())
            scope->set_ssl(ssl);
        return by_port_->listener_of(ssl);
    }

private:
    std::unique_ptr<host::ListenerResolver> by_port_;
};

std::vector<std::pair<uint16_t, std::string>> secure_listeners(const Poco::Util::AbstractConfiguration & config)
{
    std::vector<std::pair<uint16_t, std::string>> listeners;
    for (const std::string name : {"tcp_port_secure", "https_port", "interserver_https_port"})
        if (config.has(name))
            listeners.emplace_back(static_cast<uint16_t>(config.getUInt(name)), name);
    return listeners;
}

std::string module_path(const Poco::Util::AbstractConfiguration & config)
{
    auto configured = config.getString("mtls.module", {});
    if (!configured.empty())
        return configured;
    Dl_info self{};
    if (::dladdr(&the_adapter, &self) == 0 || self.dli_fname == nullptr)
        throw Poco::RuntimeException("clickhouse-mtls: mtls.module: not set, and the adapter cannot tell where it lies itself");
    return (std::filesystem::path(self.dli_fname).parent_path() / "libclickhouse_mtls.so").string();
}

void say_ended(const host::Unfinished::Report & report)
{
    say(Poco::Message::PRIO_WARNING, "ended connections on which nobody had logged in: " + std::to_string(report.at_deadline)
                                         + " after mtls.limits.handshake_timeout, " + std::to_string(report.of_address)
                                         + " as too many of their address (max_unfinished_per_address), "
                                         + std::to_string(report.of_total)
                                         + " as too many in all (max_unfinished); the last one came from " + report.address);
}

[[noreturn]] void refuse_configuration(const std::string & what, const std::string & findings)
{
    throw Poco::InvalidArgumentException("clickhouse-mtls: " + what + ": " + findings);
}

}

class Adapter::Callbacks : public chmtls::HostCallbacks
{
public:
    explicit Callbacks(Adapter & adapter) : adapter_(adapter) {}

    void log(uint32_t level, std::string_view message) override
    {
        say(level <= CHMTLS_LOG_ERROR         ? Poco::Message::PRIO_ERROR
            : level == CHMTLS_LOG_WARNING     ? Poco::Message::PRIO_WARNING
            : level <= CHMTLS_LOG_INFORMATION ? Poco::Message::PRIO_INFORMATION
                                              : Poco::Message::PRIO_DEBUG,
            std::string(message));
    }

    void close_session(uint64_t session_token, std::string_view reason) override
    {
        if (adapter_.sockets_.shut_down(session_token))
            say(Poco::Message::PRIO_INFORMATION, "closed a session: " + std::string(reason));
    }

    void configuration_changed() override { adapter_.reloader_.request_reload(); }

    void flush_dns(std::string_view host) override { adapter_.flusher_.request(std::string(host)); }

    bool judges_queries() const override { return true; }

private:
    Adapter & adapter_;
};

Adapter * Adapter::active() noexcept
{
    return the_adapter;
}

void Adapter::start(DB::Context & context, const Poco::Util::AbstractConfiguration & users)
{
    register_certificate_handler();
    auto & config = Poco::Util::Application::instance().config();
    if (config.has(section))
    {
        check_layout(context);
        the_adapter = new Adapter(context, config, users);
        return;
    }
    const auto slips = slips_of_section(config);
    if (section_is_required())
        refuse_configuration(
            "there is no <mtls> section, and this copy of the server was made with --require-mtls", "add it" + slips);
    if (!slips.empty())
        say(Poco::Message::PRIO_WARNING, "there is no <mtls> section, so this server runs without the module" + slips);
}

Adapter::Adapter(
    DB::Context & context, Poco::Util::AbstractConfiguration & config, const Poco::Util::AbstractConfiguration & users)
    : start_only_(start_only_settings(config)), context_(context),
      secure_port_(
          config.has("tcp_port_secure") ? std::optional(static_cast<uint16_t>(config.getUInt("tcp_port_secure"))) : std::nullopt),
      has_plaintext_port_(config.has("tcp_port")), keeper_handshake_limit_(debian::keeper_handshake_limit(config)),
      max_connections_(config.getUInt("max_connections", 1024)), unfinished_(say_ended, quiet_thread),
      waiting_{
          unfinished_, std::chrono::seconds(config.getUInt("keep_alive_timeout", 10)),
          config.has("interserver_http_port") ? std::optional(static_cast<uint16_t>(config.getUInt("interserver_http_port")))
                                              : std::nullopt},
      reloader_([this] { reload(); }, [this] { return retry(); }),
      addresses_([this](const std::string & host) { return plugin_->names_host(host); }),
      flusher_([this](const std::set<std::string> & hosts) { flush(hosts); })
{
    auto files = configuration_files(config);
    const auto server = server_of(config);
    in_force_.server = server.xml;
    in_force_.users = users_to_xml(users);
    in_force_.watched = std::move(files.watched);
    // Line numbers in messages count the lines of what was merged.
    in_force_.server_source = files.server + " (merged)";
    in_force_.users_source = files.users + " (merged)";

    prepare_secure_heap(); // before the first key
    const auto path = module_path(config);
    const auto loaded = chmtls::Module::load(path);
    if (!loaded.outcome.ok())
        refuse_configuration("cannot load the module " + path, loaded.outcome.message);
    auto created = chmtls::Plugin::create(loaded.module, in_force_, std::make_shared<Callbacks>(*this));
    if (!created.outcome.ok())
        refuse_configuration("the configuration cannot be used", created.outcome.message);
    plugin_ = std::move(created.plugin);
    obey(server);
    obey_host_policy();
    policy_ = server.policy;
    binding_ = std::make_unique<host::SslBinding>(plugin_, std::make_unique<ScopedResolver>(secure_listeners(config)));
    install_tls_contexts(config, *binding_);
    mark_secure_keepers(config); // only now: the module gets what was written
}

std::string Adapter::take_users(const Poco::Util::AbstractConfiguration & users)
{
    return exchange_users(users_to_xml(users));
}

void Adapter::give_users_back(const std::string & former) noexcept
{
    try
    {
        exchange_users(former);
    }
    catch (const std::exception & exception)
    {
        say(Poco::Message::PRIO_ERROR, std::string("the former users configuration could not be put back: ") + exception.what());
    }
}

std::string Adapter::exchange_users(std::string xml)
{
    const std::lock_guard lock(mutex_);
    auto former = in_force_.users;
    auto wanted = in_force_;
    wanted.users = std::move(xml);
    const auto outcome = configure_patiently(std::move(wanted));
    users_refused_ = !outcome.ok();
    if (users_refused_)
    {
        reloader_.request_retry();
        refuse_configuration("the users configuration was refused, the former one stays in force", outcome.message);
    }
    return former;
}

void Adapter::take_server(const ConfigurationPtr & reloaded)
{
    auto & application = Poco::Util::Application::instance();
    const std::lock_guard lock(mutex_);
    const auto config = with_command_line(reloaded, application.argv(), application.config());
    if (!config->has(section))
    {
        pending_server_.reset();
        say(Poco::Message::PRIO_ERROR,
            "the <mtls> section is gone from the configuration: the former one stays in force until the server is restarted, and "
            "then "
                + std::string(section_is_required() ? "it will not start" : "it runs without the module")
                + slips_of_section(*config));
        return;
    }
    if (auto settings = start_only_settings(*config); settings != start_only_)
    {
        say(Poco::Message::PRIO_WARNING, "a setting that was changed takes effect only when the server is restarted: the ports "
                                         "(those that are open stay open); of "
                                         "openSSL ciphers, key exchange, and of openSSL.client also protocols");
        start_only_ = std::move(settings);
    }
    pending_server_ = server_of(*config);
    if (!configure_server(*pending_server_))
        reloader_.request_retry();
}

void Adapter::reload()
{
    std::string error;
    try
    {
        original_as<void(const DB::Context *)>(Symbol::reload_config)(&context_);
    }
    catch (const Poco::Exception & exception)
    {
        error = exception.displayText();
    }
    catch (const std::exception & exception)
    {
        error = exception.what();
    }
    if (!error.empty() && error != last_reload_error_)
        say(Poco::Message::PRIO_ERROR, "a changed configuration was not taken: " + error);
    last_reload_error_ = error;
}

// First forget, then end: what is connected anew in between is connected by a new lookup.
void Adapter::flush(const std::set<std::string> & hosts)
{
    try
    {
        addresses_.forget_failures();
        forget_addresses(context_);
        size_t ended = 0;
        if (const std::string everything; hosts.count(everything) != 0)
            ended = addresses_.end_connections_to_former(everything);
        else
            for (const auto & host : hosts)
                ended += addresses_.end_connections_to_former(host);
        say(Poco::Message::PRIO_INFORMATION,
            "flushed addresses; connections to former ones that were ended: " + std::to_string(ended));
    }
    catch (const Poco::Exception & exception)
    {
        say(Poco::Message::PRIO_ERROR, "addresses could not be flushed: " + exception.displayText());
    }
    catch (const std::exception & exception)
    {
        say(Poco::Message::PRIO_ERROR, std::string("addresses could not be flushed: ") + exception.what());
    }
}

bool Adapter::retry()
{
    bool read_users_again = false;
    {
        const std::lock_guard lock(mutex_);
        if (pending_server_)
            configure_server(*pending_server_);
        read_users_again = users_refused_;
    }
    if (read_users_again)
        reload();
    const std::lock_guard lock(mutex_);
    return !pending_server_ && !users_refused_;
}

bool Adapter::configure_server(const Server & server)
{
    auto wanted = in_force_;
    wanted.server = server.xml;
    const auto outcome = configure_patiently(std::move(wanted));
    if (!outcome.ok())
    {
        if (outcome.message != last_refusal_)
            say(Poco::Message::PRIO_ERROR, "the configuration was refused, the former one stays in force: " + outcome.message);
        last_refusal_ = outcome.message;
        return false;
    }
    obey(server);
    obey_host_policy();
    end_unproven(server);
    pending_server_.reset();
    last_refusal_.clear();
    return true;
}

bool Adapter::wants_no_plaintext(const Poco::Util::AbstractConfiguration & config)
{
    const auto word = word_at(config, "mtls.nodes.plaintext");
    return config.has("mtls.nodes") && word != "warn" && word != "allow";
}

Adapter::Server Adapter::server_of(const Poco::Util::AbstractConfiguration & config)
{
    Server server;
    server.xml = to_xml(config);
    server.names_nodes = config.has("mtls.nodes");
    server.refuses_plaintext = wants_no_plaintext(config);
    server.sends_unasked_inserts = word_at(config, "mtls.nodes.unasked_inserts") == "allow";
    // A word that is neither true nor false is for the module to refuse, which names it and leaves the server's own settings
    // alone.
    const auto extended = word_at(config, "openSSL.client.extendedVerification");
    server.extended_verification = extended == "true" || extended == "yes" || extended == "on" || extended == "1";
    // The module refuses what it cannot verify, and then there is no identity. Whether the connection goes on all the same is
    // what these two settings say.
    server.verifies_servers = word_at(config, "openSSL.client.verificationMode") != "none"
                              && word_at(config, "openSSL.client.invalidCertificateHandler.name") != "acceptcertificatehandler";
    for (const char * key :
         {"openSSL.server.verificationMode", "openSSL.client.verificationMode", "openSSL.client.invalidCertificateHandler.name",
          "mtls.mode"})
        append_text(config, key, server.policy);
    append_text(config, "mtls.listeners", server.policy);
    server.policy += server.names_nodes ? "nodes\n" : "";
    return server;
}

// The hooks go by these after the module goes by the configuration: a connection in between is judged by the new rules all the
// same, and what those rules miss is refused.
void Adapter::obey(const Server & server) noexcept
{
    names_nodes_.store(server.names_nodes, std::memory_order_relaxed);
    refuses_plaintext_.store(server.refuses_plaintext, std::memory_order_relaxed);
    sends_unasked_inserts_.store(server.sends_unasked_inserts, std::memory_order_relaxed);
    extended_verification_.store(server.extended_verification, std::memory_order_relaxed);
    verifies_servers_.store(server.verifies_servers, std::memory_order_relaxed);
}

void Adapter::obey_host_policy()
{
    chmtls_host_policy policy{};
    keep_out_of_core_dumps(); // until the module says otherwise
    if (plugin_->host_policy(policy) != CHMTLS_OK)
        return; // an older module: the defaults stay
    if (policy.core_dumps != 0)
        allow_core_dumps();
    host::Unfinished::Limits limits;
    limits.timeout = std::chrono::milliseconds(policy.handshake_timeout_ms);
    // Half of the threads stay for those who have logged in. One address may have a quarter of the other half, but never so few
    // that a client which opens some connections at once is hurt.
    limits.total = policy.max_unfinished != 0 ? policy.max_unfinished : std::max<size_t>(max_connections_ / 2, 1);
    limits.per_address = policy.max_unfinished_per_address != 0 ? policy.max_unfinished_per_address
                                                                : std::max(limits.total / 4, std::min<size_t>(limits.total, 16));
    unfinished_.set_limits(limits);
    queue_length_.store(static_cast<int>(std::min<size_t>(limits.total * 2, 1'000'000)), std::memory_order_relaxed);
}

// Sessions with an identity are the module's to judge; the others were let in by the former policy alone.
void Adapter::end_unproven(const Server & server)
{
    if (std::exchange(policy_, server.policy) == server.policy)
        return;
    if (const auto ended = sockets_.shut_down_unproven(); ended != 0)
        say(Poco::Message::PRIO_INFORMATION,
            "who must prove who they are was changed: ended " + std::to_string(ended) + " TLS connections without an identity");
}

bool Adapter::compares_names(Peer peer) const noexcept
{
    return extended_verification_.load(std::memory_order_relaxed) || (peer == Peer::node && names_nodes());
}

bool Adapter::verifies(Peer peer) const noexcept
{
    return verifies_servers_.load(std::memory_order_relaxed) || (peer == Peer::node && names_nodes());
}

std::optional<uint16_t> Adapter::port_between_nodes() const noexcept
{
    return refuses_plaintext() || !has_plaintext_port_ ? secure_port_ : std::nullopt;
}

// A configuration is judged together with the files that it names. Who replaces those one by one leaves pairs that do not match
// for some 100 ms: no reason to refuse a configuration that has nothing to do with it.
chmtls::Outcome Adapter::configure_patiently(chmtls::Configuration wanted)
{
    wanted.watched = configuration_files(Poco::Util::Application::instance().config()).watched;
    auto outcome = plugin_->configure(wanted);
    for (int attempt = 1; !outcome.ok() && attempt < max_attempts; ++attempt)
    {
        std::this_thread::sleep_for(between_attempts);
        outcome = plugin_->configure(wanted);
    }
    if (outcome.ok())
        in_force_ = std::move(wanted);
    return outcome;
}

}
