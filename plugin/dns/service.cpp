#include "dns/service.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>

#include "base/ascii.h"
#include "base/wake.h"
#include "config/host_name.h"
#include "dns/connects.h"
#include "observe/audit.h"

namespace chmtls::dns
{

namespace
{

/// Lookups under way at the same time: more questions than that overflow the buffers of sockets and small resolvers. Names beyond
/// it wait for a lookup to end, which it does when its time is up at the latest.
constexpr size_t max_under_way = 100;

/// After a failure.
constexpr std::chrono::milliseconds pause{1000};

TimePoint now()
{
    return std::chrono::steady_clock::now();
}

std::string causes_of(const Flush & flush)
{
    std::vector<std::string_view> words;
    for (const Cause cause : flush.causes)
        words.emplace_back(word(cause));
    return fmt::format("{}", fmt::join(words, ","));
}

std::string list(const std::vector<std::string> & addresses)
{
    return addresses.empty() ? "none" : fmt::format("{}", fmt::join(addresses, ","));
}

}

class Service::Impl
{
public:
    Impl(Events events, std::unique_ptr<Resolver> resolver)
        : events_(std::move(events)), resolver_(std::move(resolver)), thread_([this] { run(); })
    {
    }

    ~Impl()
    {
        {
            const std::lock_guard guard(mutex_);
            stopping_ = true;
        }
        wake_.send();
        thread_.join();
    }

    Impl(const Impl &) = delete;
    Impl & operator=(const Impl &) = delete;

    void configure(const config::DnsSettings & settings)
    {
        {
            const std::lock_guard guard(mutex_);
            const auto time = now();
            if (settings.servers != settings_.servers)
                other_servers_ = settings.servers;
            if (settings.schedule != settings_.schedule)
                next_scheduled_ = settings.schedule ? std::optional(time + *settings.schedule) : std::nullopt;
            settings_ = settings;
            watch_.configure(settings, time);
            connects_.keep([this](const std::string & host) { return watch_.watches(host); });
        }
        wake_.send();
    }

    void ask_flush(const std::string & host, Cause cause)
    {
        {
            const std::lock_guard guard(mutex_);
            flushes_.ask(host, cause);
        }
        wake_.send();
    }

    void credentials_changed()
    {
        const bool asked = [&]
        {
            const std::lock_guard guard(mutex_);
            return settings_.enabled && settings_.on_rotation;
        }();
        if (asked)
            ask_flush({}, Cause::rotation);
    }

    void report_connect(std::string_view host, Connect outcome)
    {
        const std::string name = ascii_lower(host);
        {
            const std::lock_guard guard(mutex_);
            // Whoever may name a host in a statement must not have us forget what others go by.
            if (!settings_.enabled || !watch_.watches(name))
                return;
            if (outcome == Connect::succeeded)
                return connects_.succeeded(name);
            if (!connects_.failed(name, settings_.failures))
                return;
            watch_.ask_now(name, now());
            flushes_.ask(name, Cause::failures);
        }
        wake_.send();
    }

    bool names(std::string_view host) const
    {
        const std::lock_guard guard(mutex_);
        return std::ranges::find(settings_.hosts, config::normal_host(host)) != settings_.hosts.end();
    }

    std::chrono::milliseconds flush(const std::string & host)
    {
        std::chrono::milliseconds wait{0};
        {
            const std::lock_guard guard(mutex_);
            watch_.ask_now(host, now());
            flushes_.ask(host, Cause::command);
            if (const auto due = flushes_.due(settings_.min_interval); due && *due > now())
                wait = std::chrono::ceil<std::chrono::milliseconds>(*due - now());
        }
        wake_.send();
        return wait;
    }

    Status status() const
    {
        const std::lock_guard guard(mutex_);
        return {
            .enabled = settings_.enabled,
            .names = watch_.size(),
            .failing = watch_.failing(),
            .failing_hosts = connects_.failing(),
            .flushes = flushes_.counts(),
            .states = watch_.states(now()),
        };
    }

private:
    /// What one turn of the thread has to do, decided under the mutex and done without it.
    struct Turn
    {
        std::optional<std::vector<std::string>> servers;
        std::vector<Flush> flushes;
        std::vector<std::string> names;
        std::optional<std::chrono::milliseconds> wait;
    };

    /// Nothing: the service ends.
    std::optional<Turn> next_turn()
    {
        const std::lock_guard guard(mutex_);
        if (stopping_)
            return std::nullopt;
        const auto time = now();
        Turn turn;
        turn.servers = std::exchange(other_servers_, std::nullopt);
        if (next_scheduled_ && *next_scheduled_ <= time)
        {
            flushes_.ask({}, Cause::schedule);
            next_scheduled_ = time + *settings_.schedule;
        }
        turn.flushes = flushes_.take(time, settings_.min_interval);
        turn.names = watch_.take_due(time, max_under_way - std::min(max_under_way, watch_.under_way()));

        std::optional<TimePoint> next = flushes_.due(settings_.min_interval);
        const auto earlier = [&](std::optional<TimePoint> other)
        {
            if (other && (!next || *other < *next))
                next = other;
        };
        earlier(next_scheduled_);
        if (watch_.under_way() < max_under_way)
            earlier(watch_.next_due());
        if (next)
            turn.wait = std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(*next - time));
        return turn;
    }

    void run() noexcept
    {
        while (!served_until_stopped())
            recover();
    }

    /// False: something failed, for want of memory most likely.
    bool served_until_stopped() noexcept
    {
        try
        {
            while (const auto turn = next_turn())
                serve(*turn);
            return true;
        }
        catch (const std::exception &) // not even memory to say so
        {
            return false;
        }
    }

    /// What was under way begins again a moment later.
    void recover() noexcept
    {
        pollfd one{wake_.handle(), POLLIN, 0};
        (void)::poll(&one, 1, static_cast<int>(pause.count()));
        try
        {
            const std::lock_guard guard(mutex_);
            other_servers_ = settings_.servers; // ends the lookups
            watch_.restart(now());
        }
        catch (const std::exception &) // the next round comes here again
        {
        }
    }

    void serve(const Turn & turn)
    {
        if (turn.servers)
            resolver_->use(*turn.servers);
        for (const Flush & flush : turn.flushes)
            tell(flush);
        for (const std::string & name : turn.names)
            resolver_->start(name);
        const auto ended = resolver_->wait(wake_.handle(), turn.wait);
        wake_.receive();
        for (const Lookup & lookup : ended)
            take(lookup);
    }

    void tell(const Flush & flush)
    {
        events_.flush(flush); // first: without memory for the line it is done all the same
        observe::AuditLine line("dns");
        line.add("decision", "flushed").add("host", flush.host.empty() ? "all" : flush.host).add("cause", causes_of(flush));
        events_.log(LogLevel::information, line.str());
    }

    void take(const Lookup & lookup)
    {
        Outcome outcome;
        {
            const std::lock_guard guard(mutex_);
            outcome = watch_.ended(lookup, now());
            if (outcome.changed)
                flushes_.ask(lookup.name, Cause::changed);
        }
        observe::AuditLine line("dns");
        line.add("host", lookup.name);
        if (outcome.changed)
        {
            line.add("decision", "moved").add("before", list(outcome.before)).add("after", list(outcome.after));
            events_.log(LogLevel::information, line.str());
        }
        else if (outcome.began_to_fail)
        {
            line.add("decision", "unresolved").add("kept", list(outcome.after)).add("message", outcome.failure);
            events_.log(LogLevel::warning, line.str());
        }
    }

    const Events events_;
    const std::unique_ptr<Resolver> resolver_; // of the thread
    const Wake wake_;

    mutable std::mutex mutex_; // never held while something is waited for
    config::DnsSettings settings_;
    Watch watch_;
    Connects connects_;
    Flushes flushes_;
    std::optional<std::vector<std::string>> other_servers_;
    std::optional<TimePoint> next_scheduled_;
    bool stopping_ = false;

    std::thread thread_; ///< last: everything above exists before it starts
};

Service::Service(Events events, std::unique_ptr<Resolver> resolver)
    : impl_(std::make_unique<Impl>(std::move(events), std::move(resolver)))
{
}

Service::~Service() = default;

void Service::configure(const config::DnsSettings & settings)
{
    impl_->configure(settings);
}

void Service::credentials_changed()
{
    impl_->credentials_changed();
}

void Service::replace_connections()
{
    impl_->ask_flush({}, Cause::rotation);
}

void Service::report_connect(std::string_view host, Connect outcome)
{
    impl_->report_connect(host, outcome);
}

std::chrono::milliseconds Service::flush(std::string_view host)
{
    return impl_->flush(ascii_lower(host));
}

bool Service::names(std::string_view host) const
{
    return impl_->names(host);
}

Status Service::status() const
{
    return impl_->status();
}

}
