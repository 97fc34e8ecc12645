#include "reload/manager.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <poll.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/wake.h"
#include "files/watcher.h"
#include "generation/findings.h"
#include "generation/in_part.h"
#include "generation/sequence_file.h"
#include "reload/attempts.h"
#include "reload/debounce.h"

namespace chmtls::generation
{

namespace
{

using files::Watcher;
using files::WatchList;
using std::chrono::milliseconds;

/// Between two looks, whatever goes wrong.
constexpr milliseconds shortest_wait{10};
/// What is not in force is said again so often.
constexpr std::chrono::minutes reminder{10};
/// Other files in a watched directory, a log that is written to for example: not looked at write by write, which the writer would
/// feel.
constexpr milliseconds strangers_pause{20};

SteadyTime steady_now()
{
    return std::chrono::steady_clock::now();
}

void merge(WatchList & into, const WatchList & from)
{
    for (const auto & [directory, watch] : from)
        into[directory].merge(watch);
}

bool same_passphrases(const Asked & left, const Asked & right)
{
    const auto same = [](const SecretBytes & one, const SecretBytes & other)
    {
        return equal_constant_time(one.view(), other.view());
    };
    const auto & one = left.passphrases.values;
    const auto & other = right.passphrases.values;
    return std::equal(one.begin(), one.end(), other.begin(), same)
           && std::equal(
               left.sni_passphrases.begin(), left.sni_passphrases.end(), right.sni_passphrases.begin(),
               right.sni_passphrases.end(), same);
}

/// Other rules for a configuration, taken back at the end unless they are kept.
class Exchange
{
public:
    Exchange(Asked & asked, Asked & rules) noexcept : asked_(asked), rules_(rules) { exchange_rules(asked_, rules_); }
    ~Exchange()
    {
        if (!kept_)
            exchange_rules(asked_, rules_);
    }
    Exchange(const Exchange &) = delete;
    Exchange & operator=(const Exchange &) = delete;
    void keep() noexcept { kept_ = true; }

private:
    Asked & asked_;
    Asked & rules_;
    bool kept_ = false;
};

}

class Manager::Impl
{
public:
    Impl(Events events, Clock clock) : events_(std::move(events)), clock_(std::move(clock)) {}

    ~Impl()
    {
        stopping_ = true;
        wake_.send();
        if (thread_.joinable())
            thread_.join();
    }

    Impl(const Impl &) = delete;
    Impl & operator=(const Impl &) = delete;

    Checked<uint64_t> configure(const Input & input)
    {
        Asked asked = ask(input);
        const std::lock_guard guard(work_);
        Reading reading = read(asked);
        const GenerationPtr now_in_force = current_.current();
        const bool unchanged = now_in_force && asked.errors.empty() && !reading.torn && reading.digest == now_in_force->digest;
        if (unchanged && same_passphrases(asked, asked_))
        {
            const Digest32 watched = digest_to_watch_from(asked);
            take(std::move(asked), watched);
            return now_in_force->number;
        }
        auto built = make(asked, reading);
        if (!built)
        {
            if (now_in_force)
                refuse(std::move(asked), reading, built.error());
            return tl::unexpected(std::move(built.error()));
        }
        // What may fail comes before what counts: with the publishing all of it is in force, or nothing is.
        const Digest32 watched = digest_to_watch_from(asked);
        Contents contents = reading.files.contents();
        start();
        // Another passphrase for the same files: they were read by it, and nothing else is new.
        const uint64_t number = unchanged ? now_in_force->number : publish(std::move(*built));
        contents_ = std::move(contents);
        take(std::move(asked), watched);
        return number;
    }

    GenerationPtr current() { return current_.current(); }

    std::shared_ptr<const credentials::Credential> credential(uint64_t id)
    {
        for (const GenerationPtr & generation : {current_.current(), previous_.current()})
        {
            if (!generation)
                continue;
            if (auto found = generation->credential(id))
                return found;
        }
        return nullptr;
    }

    ReloadState state() const { return record_.state(); }

private:
    void log(LogLevel level, const std::string & message) const
    {
        if (events_.log)
            events_.log(level, message);
    }

    /// A line on what has happened already: without memory for it the line is lost and nothing else.
    template <typename... Values>
    void tell(LogLevel level, fmt::format_string<Values...> format, Values &&... values) const noexcept
    {
        try
        {
            log(level, fmt::format(format, std::forward<Values>(values)...));
        }
        catch (const std::exception &)
        {
        }
    }

    // ---- under work_ ----

    /// What the host has read is what lies there now; only a change from here on is news. While the list stays the same the
    /// digest of the last look stays too, so that a change between the host's reading and this moment is not lost.
    Digest32 digest_to_watch_from(const Asked & asked)
    {
        return asked.watched == asked_.watched ? configuration_digest_ : configuration_digest(asked);
    }

    /// Its first look waits for work_, and so for the first generation.
    void start()
    {
        if (!thread_.joinable())
            thread_ = std::thread([this] { run(); });
    }

    /// This configuration is in force from now on.
    void take(Asked asked, const Digest32 & watched) noexcept
    {
        asked_ = std::move(asked);
        in_part_ = false;
        configuration_digest_ = watched;
        refused_.reset();
        refused_attempts_.succeeded();
        succeed();
        record_.configuration_taken();
        rearm_ = true;
        wake_.send();
    }

    /// Not taken. Its files are looked at again from time to time: when nothing stands in its way any more, the host is asked to
    /// offer it once more.
    void refuse(Asked asked, const Reading & reading, const Errors & errors)
    {
        const std::string cause = describe(errors);
        (void)refused_attempts_.failed(reading.torn ? std::nullopt : std::optional(reading.digest), cause, steady_now());
        // A defect of the text itself can only be mended by another text, and that one comes through configure.
        refused_.reset();
        if (asked.errors.empty())
            refused_ = std::move(asked);
        record_.configuration_refused(cause, clock_());
        rearm_ = true;
        wake_.send();
    }

    /// A candidate that may be published: whose sequence numbers will be known after a restart as well.
    Checked<std::shared_ptr<Generation>> make(const Asked & asked, const Reading & reading)
    {
        auto built = build(asked, reading, clock_(), current_.current().get());
        if (!built)
            return built;
        const auto remembered = remember_sequences(asked.settings.signed_policy, reading.sequences, (*built)->sequences);
        if (remembered)
            return built;
        Errors errors;
        append(errors, {remembered.error()}, "mtls.signed_policy.state_file");
        return tl::unexpected(std::move(errors));
    }

    uint64_t publish(std::shared_ptr<Generation> generation)
    {
        const GenerationPtr before = current_.current();
        generation->number = number_ + 1;
        const GenerationPtr next = std::move(generation);
        std::set<std::string> warnings(next->warnings.begin(), next->warnings.end());
        // First the former one, so that at every moment one of the two places knows each credential that is in use.
        previous_.publish(before);
        current_.publish(next);

        // It is in force: nothing fails from here on.
        number_ = next->number;
        record_.published(before == nullptr, next->loaded_at);
        tell(
            LogLevel::information,
            "generation {} is in force: digest {:02x}, {} rules, {} users with certificates, {} trust domains", next->number,
            fmt::join(ByteView(next->digest).first(8), ""), next->rules->size(), next->users->users().size(),
            next->settings.trust_domains.size());
        for (const std::string & warning : warnings)
            if (!known_warnings_.contains(warning))
                tell(LogLevel::warning, "{}", warning);
        known_warnings_ = std::move(warnings);
        try
        {
            if (events_.published)
                events_.published(next);
        }
        catch (const std::exception & exception)
        {
            tell(
                LogLevel::error, "generation {} is in force, but not all of what follows from it: {}", number_, exception.what());
        }
        return next->number;
    }

    /// Lists grow old without any file that changes.
    void warn_of_old_lists()
    {
        const UnixTime now = clock_();
        for (const RevocationList & list : current_.current()->revocation_lists)
            if (const auto warning = warning_of(list, now); warning && known_warnings_.insert(*warning).second)
                log(LogLevel::warning, *warning);
    }

    void watch(const Reading & reading) { merge(watch_list_, reading.files.watches()); }

    void fail_reload(const std::optional<Digest32> & content, const std::string & cause)
    {
        const SteadyTime now = steady_now();
        const bool is_news = attempts_.failed(content, cause, now);
        const bool worth_a_line = is_news || (attempts_.logged() && now - last_reminder_ >= reminder);
        record_.reload_failed(cause, clock_());
        const std::string message = fmt::format("reload failed, generation {} stays in force: {}", number_, cause);
        log(worth_a_line ? LogLevel::warning : LogLevel::debug, message);
        if (worth_a_line)
            last_reminder_ = now;
    }

    /// The floor of what is published in part: the last whole generation.
    [[nodiscard]] GenerationPtr floor() const
    {
        const GenerationPtr in_force = current_.current();
        return in_force->floor ? in_force->floor : in_force;
    }

    /// What a configuration that cannot be taken says of users and rules counts as far as it takes trust away, beside the files
    /// that are in force.
    void take_rules_of_refused(const Reading & reading)
    {
        if (reading.torn || steady_now() - refused_attempts_.since() < Attempts::first_delay)
            return;
        Asked rules = rules_of(*refused_);
        if (same_rules(asked_, rules))
            return;
        Contents mixed = contents_;
        for (const auto & each : reading.files.contents().files)
            mixed.files.insert(each); // of rules files that are new; what is known stays
        Exchange exchange(asked_, rules);
        Reading known = read_from(mixed, asked_, reading.sequences);
        known.digest = digest_in_part(asked_, known.files);
        auto built = build(asked_, known, clock_(), current_.current().get());
        if (!built)
            return;
        (*built)->floor = floor();
        publish(std::move(*built));
        contents_ = std::move(mixed);
        exchange.keep();
        in_part_ = true;
        tell(
            LogLevel::warning,
            "generation {} is in force in part: the users and rules that the configuration takes away are gone; nothing is added "
            "before all of it is in order",
            number_);
    }

    /// News that take trust away do not wait for the sources that are broken.
    void take_what_is_valid(const Reading & reading)
    {
        // What a writer leaves behind for a moment is no broken source.
        if (reading.torn || steady_now() - attempts_.since() < Attempts::first_delay)
            return;
        const GenerationPtr in_force = current_.current();
        auto part = build_in_part(asked_, reading, contents_, clock_(), *in_force);
        if (!part)
            return;
        part->generation->floor = floor();
        // Written down if it can be: what takes trust away does not wait for the disk either.
        const auto remembered = remember_sequences(asked_.settings.signed_policy, reading.sequences, part->generation->sequences);
        const std::string taken = fmt::format("{}", fmt::join(part->taken, ", "));
        publish(std::move(part->generation));
        contents_ = std::move(part->contents);
        tell(
            LogLevel::warning,
            "generation {} is in force in part: what {} takes away counts; nothing is added before all files are in order",
            number_, printable(taken, 1024));
        if (!remembered)
            tell(LogLevel::warning, "{}", remembered.error().describe());
    }

    void succeed() noexcept
    {
        if (!attempts_.failing())
            return;
        const auto lasted = std::chrono::duration_cast<milliseconds>(steady_now() - attempts_.since());
        tell(
            attempts_.logged() ? LogLevel::information : LogLevel::debug,
            "the files are in order again after {} failed attempts in {} ms; generation {} is in force", attempts_.count(),
            lasted.count(), number_);
        attempts_.succeeded();
        record_.files_in_order();
    }

    void reload()
    {
        Reading reading = read(asked_);
        watch(reading);
        const GenerationPtr in_force = current_.current();
        if (in_part_)
            reading.digest = digest_in_part(asked_, reading.files);
        if (!reading.torn && reading.digest == in_force->digest)
        {
            succeed();
            return;
        }
        if (!reading.torn && attempts_.failed_with(reading.digest) && !attempts_.due(steady_now()))
            return; // nothing new to be learned
        auto built = make(asked_, reading);
        if (!built)
        {
            fail_reload(reading.torn ? std::nullopt : std::optional(reading.digest), describe(built.error()));
            take_what_is_valid(reading);
            return;
        }
        Contents contents = reading.files.contents();
        if (in_part_) // until the configuration that its rules are of is taken
            (*built)->floor = floor();
        publish(std::move(*built));
        contents_ = std::move(contents);
        succeed();
    }

    Digest32 configuration_digest(const Asked & asked)
    {
        FileSet files;
        for (const std::string & path : asked.watched)
            (void)files.read(path);
        merge(watch_list_, files.watches());
        return files.digest();
    }

    /// Has a watched file of the configuration changed?
    bool configuration_changed()
    {
        const Digest32 before = std::exchange(configuration_digest_, configuration_digest(asked_));
        return before != configuration_digest_;
    }

    /// Would the configuration that was refused be taken now?
    bool refused_would_pass()
    {
        if (!refused_)
            return false;
        Reading reading = read(*refused_);
        watch(reading);
        if (!reading.torn && refused_attempts_.failed_with(reading.digest) && !refused_attempts_.due(steady_now()))
            return false;
        const auto built = build(*refused_, reading, clock_(), current_.current().get());
        if (!built)
        {
            const auto content = reading.torn ? std::nullopt : std::optional(reading.digest);
            (void)refused_attempts_.failed(content, describe(built.error()), steady_now());
            take_rules_of_refused(reading);
            return false;
        }
        refused_.reset();
        refused_attempts_.succeeded();
        return true;
    }

    /// Looks at everything once.
    void check()
    {
        watch_list_.clear();
        try
        {
            reload();
            warn_of_old_lists();
            tell_host_ = configuration_changed() || tell_host_;
            tell_host_ = refused_would_pass() || tell_host_;
        }
        catch (const std::exception & exception) // out of memory, for one
        {
            fail_reload(std::nullopt, exception.what());
        }
    }

    // ---- the thread ----

    void run() noexcept
    {
        while (!stopping_)
        {
            try
            {
                watch_until_stopped();
            }
            catch (const std::exception &) // not even memory to say so; nothing is lost, as the next one begins with a look
            {
                pollfd handle{wake_.handle(), POLLIN, 0};
                (void)::poll(&handle, 1, static_cast<int>(Attempts::first_delay.count()));
            }
        }
    }

    void watch_until_stopped()
    {
        Watcher watcher;
        Debounce debounce;
        SteadyTime next_poll = steady_now();
        std::string known_defect;
        while (!stopping_)
        {
            const bool told
                = wait(&watcher, debounce.pending() ? std::min(next_poll, debounce.due(watcher.writing())) : next_poll);
            if (stopping_)
                return;
            if (watcher.drain())
                debounce.event(steady_now());
            else if (told) // by a file that is none of ours
                (void)wait(nullptr, steady_now() + strangers_pause);
            const SteadyTime now = steady_now();
            const bool due = debounce.pending() ? now >= debounce.due(watcher.writing()) : now >= next_poll;
            if (!due && !rearm_)
                continue;
            debounce.reset();
            rearm_ = false;
            next_poll = now + look(watcher);
            if (watcher.defect() != known_defect)
            {
                known_defect = watcher.defect();
                if (!known_defect.empty())
                    log(LogLevel::warning, known_defect);
            }
        }
    }

    /// Checks until everything that was read is also watched; the time until the next look.
    milliseconds look(Watcher & watcher)
    {
        milliseconds next{0};
        bool settled = false;
        for (int round = 0; round < 3 && !settled; ++round)
        {
            const std::lock_guard guard(work_);
            if (!current_.current())
                return asked_.settings.poll_interval; // the first configuration failed at the last moment
            check();
            next = asked_.settings.poll_interval;
            for (const Attempts * attempts : {&attempts_, &refused_attempts_})
                if (attempts->retry_at() && (attempts == &attempts_ || refused_))
                    next = std::min(next, std::chrono::ceil<milliseconds>(*attempts->retry_at() - steady_now()));
            // What is watched only now may have changed before: look once more.
            settled = !watcher.arm(watch_list_);
        }
        if (!settled)
            next = std::min(next, Debounce::quiet_time);
        if (std::exchange(tell_host_, false) && events_.configuration_changed)
            events_.configuration_changed();
        return std::max(next, shortest_wait);
    }

    /// Until then, or until the manager is woken, or until the watcher, if one is given, has something to tell: true.
    bool wait(const Watcher * watcher, SteadyTime until) const
    {
        const auto left = std::chrono::ceil<milliseconds>(until - steady_now()).count();
        pollfd handles[2] = {{wake_.handle(), POLLIN, 0}, {watcher != nullptr ? watcher->handle() : -1, POLLIN, 0}};
        (void)::poll(handles, 2, static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000))); // leaves out what is negative
        if (handles[0].revents)
            wake_.receive();
        return handles[1].revents != 0;
    }

    const Events events_;
    const Clock clock_;
    Published current_;
    Published previous_;
    Wake wake_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> rearm_{false};

    std::mutex work_; ///< one load at a time; never taken by readers
    Asked asked_;
    bool in_part_ = false; ///< the rules of asked_ are those of a configuration that was refused
    Contents contents_;    ///< that the generation in force was built from
    Attempts attempts_;
    SteadyTime last_reminder_;
    std::optional<Asked> refused_;
    Attempts refused_attempts_;
    Digest32 configuration_digest_ = FileSet().digest(); ///< of the watched files, none so far
    WatchList watch_list_;
    uint64_t number_ = 0;
    bool tell_host_ = false; ///< that it should offer its configuration again
    std::set<std::string> known_warnings_;

    ReloadRecord record_;

    std::thread thread_; ///< last: everything above exists before it starts
};

Manager::Manager(Events events, Clock clock) : impl_(std::make_unique<Impl>(std::move(events), std::move(clock))) {}
Manager::~Manager() = default;

Checked<uint64_t> Manager::configure(Input input)
{
    const WipedAtEnd passphrases(input.server_xml);
    return impl_->configure(input);
}

GenerationPtr Manager::current() const
{
    return impl_->current();
}

std::shared_ptr<const credentials::Credential> Manager::credential(uint64_t id) const
{
    return impl_->credential(id);
}

ReloadState Manager::state() const
{
    return impl_->state();
}

}
