#include "gateway.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "log.h"

namespace chmtls::gateway
{
namespace
{

constexpr std::chrono::milliseconds first_retry{500};
constexpr std::chrono::milliseconds last_retry{30000};
constexpr std::chrono::milliseconds between_looks{50};

Level level_of(uint32_t level)
{
    return level <= CHMTLS_LOG_ERROR         ? Level::error
           : level == CHMTLS_LOG_WARNING     ? Level::warning
           : level <= CHMTLS_LOG_INFORMATION ? Level::information
                                             : Level::debug;
}

std::string beside_the_program(const char * name)
{
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    return (program.parent_path() / name).string();
}

chmtls::Configuration for_module(const Settings & settings)
{
    chmtls::Configuration configuration;
    configuration.server = settings.xml;
    configuration.server_source = settings.source;
    configuration.watched.push_back(settings.source);
    if (!settings.passwords_file.empty())
        configuration.watched.push_back(settings.passwords_file);
    return configuration;
}

void say_each(const std::vector<std::string> & findings)
{
    for (const auto & finding : findings)
        say(Level::error, finding);
}

}

ParsedSettings read_settings(const std::string & file)
{
    std::ifstream stream(file, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(stream)), {});
    if (!stream.is_open() || stream.bad())
    {
        ParsedSettings failed;
        failed.findings.push_back(file + ": cannot be read");
        return failed;
    }
    return parse_settings(std::move(content), file);
}

/// Called on threads of the module.
class Gateway::Callbacks final : public chmtls::HostCallbacks
{
public:
    explicit Callbacks(Gateway & gateway) : gateway_(gateway) {}

    void log(uint32_t level, std::string_view message) override { say(level_of(level), message); }

    void close_session(uint64_t session_token, std::string_view reason) override
    {
        const std::lock_guard lock(gateway_.workers_mutex_);
        const auto index = Worker::index_of(session_token);
        if (index >= gateway_.workers_.size())
            return;
        auto & worker = *gateway_.workers_[index];
        worker.post(
            [&worker, session_token, reason = std::string(reason)]
            {
                if (const auto session = worker.find(session_token))
                    session->end(reason);
            });
    }

    void flush_dns(std::string_view host) override
    {
        const std::lock_guard lock(gateway_.workers_mutex_);
        for (const auto & worker : gateway_.workers_)
            worker->post(
                [&to = *worker, host = std::string(host)]
                {
                    for (const auto & session : to.sessions())
                        session->host_moved(host);
                });
    }

    void configuration_changed() override
    {
        asio::post(gateway_.control_, [&gateway = gateway_] { gateway.reload(); });
    }

private:
    Gateway & gateway_;
};

Gateway::Gateway(std::string config_file)
    : config_file_(std::move(config_file)), signals_(control_, SIGTERM, SIGINT, SIGHUP), retry_(control_), ready_(control_),
      watchdog_(control_)
{
}

Gateway::~Gateway()
{
    acceptor_.reset();
    token_endpoint_.reset();
    for (const auto & worker : workers_)
        worker->stop();
    site_.update([](const auto &) { return std::make_shared<const Site>(); });
    // Sessions that did not get to their end are freed with the loops, while module and binding are still there.
    decltype(workers_) last;
    {
        const std::lock_guard lock(workers_mutex_);
        last.swap(workers_);
    }
}

bool Gateway::start()
{
    auto parsed = read_settings(config_file_);
    if (!parsed.findings.empty())
    {
        say_each(parsed.findings);
        return false;
    }
    auto & settings = parsed.settings;
    set_level(settings.log_level);
    open_workers(settings.workers); // before the module, which may have something to say to them
    if (!load_module(settings) || !create_plugin(settings))
        return false;
    inherited_.collect();
    binding_ = std::make_unique<host::SslBinding>(plugin_, resolve_by_role());
    admissions_ = std::make_unique<Admissions>(settings.limits);
    const auto made = make_site(std::move(settings), *binding_);
    if (made.site == nullptr)
    {
        say(Level::error, made.fault);
        return false;
    }
    site_.update([&](const auto &) { return made.site; });
    for (const auto & worker : workers_)
        worker->start();
    acceptor_ = std::make_unique<Acceptor>(site_, *plugin_, workers_, *admissions_, tokens_, inherited_);
    acceptor_->start();
    const auto faults = acceptor_->listen(endpoints_of(made.site->settings));
    say_each(faults);
    return faults.empty() && open_local_ports(made.site->settings);
}

bool Gateway::open_local_ports(const Settings & settings)
{
    const char * what = "gateway.proof.tokens.listen";
    try
    {
        if (settings.tokens)
        {
            token_endpoint_ = std::make_unique<TokenEndpoint>(tokens_);
            token_endpoint_->start(settings.tokens->listen);
        }
        what = "gateway.ready";
        if (settings.ready)
            ready_.start(*settings.ready);
        return true;
    }
    catch (const boost::system::system_error & error)
    {
        say(Level::error, std::string("cannot listen at ") + what + ": " + error.code().message());
        return false;
    }
}

void Gateway::open_workers(size_t count)
{
    if (count == 0)
        count = std::max(1U, std::thread::hardware_concurrency());
    for (size_t i = 0; i < count; ++i)
        workers_.push_back(std::make_unique<Worker>(static_cast<uint16_t>(i)));
}

bool Gateway::load_module(const Settings & settings)
{
    const auto path = settings.module.empty() ? beside_the_program("libclickhouse_mtls.so") : settings.module;
    auto loaded = chmtls::Module::load(path);
    if (!loaded.outcome.ok())
        say(Level::error, "the module cannot be loaded: " + loaded.outcome.message);
    module_ = loaded.module;
    return loaded.outcome.ok();
}

bool Gateway::create_plugin(const Settings & settings)
{
    auto created = chmtls::Plugin::create(module_, for_module(settings), std::make_shared<Callbacks>(*this));
    if (!created.outcome.ok())
        say(Level::error, "the configuration was refused: " + created.outcome.message);
    plugin_ = std::move(created.plugin);
    return created.outcome.ok();
}

bool Gateway::run()
{
    say(Level::information, "ready");
    notify_service("READY=1");
    if (const auto every = watchdog_microseconds())
        feed_watchdog(std::chrono::microseconds(*every));
    wait_for_signal();
    control_.run();
    return drained_;
}

void Gateway::feed_watchdog(std::chrono::microseconds every)
{
    notify_service("WATCHDOG=1");
    watchdog_.expires_after(every);
    watchdog_.async_wait(
        [this, every](const ErrorCode & error)
        {
            if (!error)
                feed_watchdog(every);
        });
}

void Gateway::drain()
{
    draining_ = true;
    say(Level::information, "ends: takes no new connections, and waits for those that are there");
    notify_service("STOPPING=1");
    ready_.set_ready(false);
    retry_.cancel();
    acceptor_->stop();
    for (const auto & worker : workers_)
        worker->post(
            [&to = *worker]
            {
                for (const auto & session : to.sessions())
                    session->drain();
            });
    wait_for_sessions(std::chrono::steady_clock::now() + site_.load()->settings.timeouts.drain);
}

void Gateway::wait_for_sessions(std::chrono::steady_clock::time_point until)
{
    const auto left = admissions_->connections();
    if (left == 0 || std::chrono::steady_clock::now() >= until)
    {
        drained_ = left == 0;
        if (!drained_)
            say(Level::warning, "ends " + std::to_string(left) + " connections that did not end by themselves (timeouts.drain)");
        return control_.stop();
    }
    retry_.expires_after(between_looks);
    retry_.async_wait(
        [this, until](const ErrorCode & error)
        {
            if (!error)
                wait_for_sessions(until);
        });
}

void Gateway::wait_for_signal()
{
    signals_.async_wait(
        [this](const ErrorCode & error, int signal)
        {
            if (error)
                return;
            if (signal != SIGHUP && draining_)
            {
                drained_ = false;
                return control_.stop();
            }
            if (signal != SIGHUP)
                drain();
            else
            {
                notify_reloading();
                reload();
                notify_service("READY=1");
            }
            wait_for_signal();
        });
}

bool Gateway::reload()
{
    if (draining_)
        return true;
    retry_.cancel();
    auto parsed = read_settings(config_file_);
    std::string fault;
    for (const auto & finding : parsed.findings)
        fault.append(fault.empty() ? "" : "\n").append(finding);
    std::shared_ptr<const Site> site;
    if (fault.empty())
    {
        if (const auto outcome = plugin_->configure(for_module(parsed.settings)); !outcome.ok())
            fault = outcome.message;
    }
    if (fault.empty())
    {
        auto made = make_site(std::move(parsed.settings), *binding_);
        fault = made.fault;
        site = std::move(made.site);
    }
    if (!fault.empty())
    {
        if (fault != last_fault_)
            say(Level::error, "the configuration was refused, the former one stays in force: " + fault);
        last_fault_ = fault;
        retry_later();
        return false;
    }
    last_fault_.clear();
    retry_delay_ = std::chrono::milliseconds{0};
    site_.update([&](const auto &) { return site; });
    set_level(site->settings.log_level);
    admissions_->set(site->settings.limits);
    for (const auto & worker : workers_)
        worker->post(
            [&to = *worker, site]
            {
                for (const auto & session : to.sessions())
                    session->settings_changed(*site);
            });
    say_each(acceptor_->listen(endpoints_of(site->settings)));
    say(Level::information, "took the configuration");
    return true;
}

// A configuration is judged together with the files that it names, and those may still be on their way.
void Gateway::retry_later()
{
    retry_delay_ = retry_delay_.count() == 0 ? first_retry : std::min(retry_delay_ * 2, last_retry);
    retry_.expires_after(retry_delay_);
    retry_.async_wait(
        [this](const ErrorCode & error)
        {
            if (!error)
                reload();
        });
}

}
