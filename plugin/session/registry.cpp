#include "session/registry.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "session/judge.h"

namespace chmtls::session
{

namespace
{

/// The system clock may be set while we wait for a certificate to end: look at it this often.
constexpr std::chrono::seconds longest_wait{1};

using SteadyTime = std::chrono::steady_clock::time_point;

SteadyTime steady_now()
{
    return std::chrono::steady_clock::now();
}

/// Until memory is asked for again where there was none.
constexpr std::chrono::milliseconds shortest_wait{100};

}

class Registry::Impl
{
public:
    Impl(
        CloseSession close, std::function<generation::GenerationPtr()> current, Clock clock, ObserveSession observe,
        ReplaceConnections replace)
        : close_(std::move(close)), current_(std::move(current)), clock_(std::move(clock)), observe_(std::move(observe)),
          replace_(std::move(replace)), thread_([this] { run(); })
    {
    }

    ~Impl()
    {
        {
            const std::lock_guard guard(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        thread_.join();
    }

    Impl(const Impl &) = delete;
    Impl & operator=(const Impl &) = delete;

    Result<void> add(Session session)
    {
        const generation::GenerationPtr generation = current_();
        if (!generation || !session.identity)
            return fail({"", "session", "there is no generation or no identity to judge it by", "", ""});
        const UnixTime now = clock_();
        date(session, now);
        const Judgement judgement = judge_one(*generation, session, now);
        tell(session, judgement);
        if (!judgement.passes)
            return fail({"", "session", judgement.message, "log in again", std::string(code(judgement.reason))});
        const uint64_t token = session.token;
        bool sooner = false;
        {
            const std::lock_guard guard(mutex_);
            sooner = ends_.empty() || judgement.valid_until < ends_.begin()->first;
            insert(token, std::make_shared<const Session>(std::move(session)), judgement.valid_until);
            // Published meanwhile: its own round may have gone over the sessions before this one was there.
            if (current_() != generation)
                judge_all_ = sooner = true;
        }
        if (sooner) // than what the thread waits for: with a request a login, waking it each time is what a request would feel
            wake_.notify_all();
        return {};
    }

    std::shared_ptr<const Session> remove(uint64_t token)
    {
        std::unique_lock lock(mutex_);
        std::shared_ptr<const Session> removed;
        if (const auto found = entries_.find(token); found != entries_.end())
            removed = found->second.session;
        erase(token);
        // A close of just this session is under way on the registry's thread: only after it may the host forget the token.
        if (std::this_thread::get_id() != thread_.get_id())
            closed_one_.wait(lock, [&] { return closing_ != token; });
        return removed;
    }

    void set_activity(uint64_t token, Activity activity)
    {
        {
            const std::lock_guard guard(mutex_);
            const auto found = entries_.find(token);
            if (found == entries_.end())
                return;
            Entry & entry = found->second;
            entry.activity = activity;
            if (activity == Activity::busy || !entry.ending)
                return;
            end_now(token, *entry.ending);
        }
        wake_.notify_all();
    }

    void generation_published()
    {
        {
            const std::lock_guard guard(mutex_);
            judge_all_ = true;
        }
        wake_.notify_all();
    }

    size_t size() const
    {
        const std::lock_guard guard(mutex_);
        return entries_.size();
    }

    uint64_t closed() const
    {
        const std::lock_guard guard(mutex_);
        return closed_;
    }

    size_t ending() const
    {
        const std::lock_guard guard(mutex_);
        return endings_.size();
    }

private:
    /// No longer passes: its query has until then.
    struct Ending
    {
        SteadyTime at;
        Reason reason = Reason::internal;
        std::string message;
        bool replaced = false; ///< a connection of ours: what pools it has been told
    };
    struct Entry
    {
        std::shared_ptr<const Session> session;
        UnixTime valid_until;
        Activity activity = Activity::idle;
        std::optional<Ending> ending;
    };

    /// A session is as old as its connection, whoever logs in on it again.
    void date(Session & session, UnixTime now) const
    {
        const std::lock_guard guard(mutex_);
        const auto known = entries_.find(session.token);
        session.opened_at = known == entries_.end() ? now : known->second.session->opened_at;
        session.opened = known == entries_.end() ? std::chrono::steady_clock::now() : known->second.session->opened;
    }

    // ---- under mutex_ ----

    /// It passes, whatever was thought of it before. Without the memory for it nothing changes: a session that is there stays
    /// watched.
    void insert(uint64_t token, std::shared_ptr<const Session> session, UnixTime valid_until)
    {
        const auto [end, is_new] = ends_.emplace(valid_until, token);
        try
        {
            auto & entry = entries_[token];
            if (entry.session && entry.valid_until != valid_until)
                ends_.erase({entry.valid_until, token});
            if (entry.ending)
                endings_.erase({entry.ending->at, token});
            entry = Entry{std::move(session), valid_until, entry.activity, std::nullopt};
        }
        catch (const std::bad_alloc &)
        {
            if (is_new)
                ends_.erase(end);
            throw;
        }
    }

    /// Without the memory for it nothing changes.
    void set_ending(uint64_t token, Entry & entry, Ending ending)
    {
        endings_.emplace(ending.at, token);
        if (entry.ending && entry.ending->at != ending.at)
            endings_.erase({entry.ending->at, token});
        ends_.erase({entry.valid_until, token});
        entry.ending = std::move(ending);
    }

    /// Needs no memory.
    void end_now(uint64_t token, Ending & ending)
    {
        auto node = endings_.extract({ending.at, token});
        ending.at = steady_now();
        node.value().first = ending.at;
        endings_.insert(std::move(node));
    }

    void erase(uint64_t token)
    {
        const auto found = entries_.find(token);
        if (found == entries_.end())
            return;
        ends_.erase({found->second.valid_until, token});
        if (found->second.ending)
            endings_.erase({found->second.ending->at, token});
        entries_.erase(found);
    }

    [[nodiscard]] bool something_ended() const { return !ends_.empty() && ends_.begin()->first <= clock_(); }
    [[nodiscard]] bool time_is_up() const { return !endings_.empty() && endings_.begin()->first <= steady_now(); }

    /// Until something may be due.
    void wait(std::unique_lock<std::mutex> & lock)
    {
        auto longest = std::chrono::milliseconds::max();
        if (!ends_.empty())
            longest = std::clamp<std::chrono::seconds>(ends_.begin()->first - clock_(), std::chrono::seconds(0), longest_wait);
        if (!endings_.empty())
            longest = std::min(longest, std::chrono::ceil<std::chrono::milliseconds>(endings_.begin()->first - steady_now()));
        if (longest == std::chrono::milliseconds::max())
            wake_.wait(lock);
        else
            wake_.wait_for(lock, longest);
    }

    /// The sessions to be judged now.
    std::vector<std::shared_ptr<const Session>> take_due()
    {
        std::vector<std::shared_ptr<const Session>> result;
        if (std::exchange(judge_all_, false))
        {
            result.reserve(entries_.size());
            for (const auto & [token, entry] : entries_)
                result.push_back(entry.session);
            return result;
        }
        const UnixTime now = clock_();
        for (auto end = ends_.begin(); end != ends_.end() && end->first <= now; ++end)
            result.push_back(entries_.at(end->second).session);
        return result;
    }

    // ---- the thread ----

    void run()
    {
        std::unique_lock lock(mutex_);
        while (!stopping_)
        {
            // Set back: what ends by another clock, or has not begun yet, is found only by looking.
            judge_all_ = judge_all_ || clock_() < seen_;
            seen_ = clock_();
            if (time_is_up())
            {
                const uint64_t token = endings_.begin()->second;
                const Ending ending = std::move(*entries_.at(token).ending); // the entry goes
                close_one(lock, token, ending.reason, ending.message);
                continue;
            }
            if (!judge_all_ && !something_ended())
            {
                wait(lock);
                continue;
            }
            if (judge_due(lock))
                continue;
            judge_all_ = true;
            wake_.wait_for(lock, shortest_wait);
        }
    }

    /// False: there was no memory to judge all of them, and it must be tried again.
    bool judge_due(std::unique_lock<std::mutex> & lock)
    {
        bool done = false;
        try
        {
            const std::vector<std::shared_ptr<const Session>> due = take_due();
            lock.unlock();
            judge(due);
            done = true;
        }
        catch (const std::exception &)
        {
        }
        if (!lock.owns_lock())
            lock.lock();
        return done;
    }

    void tell(const Session & session, const Judgement & judgement) const
    {
        if (judgement.observed && observe_)
            observe_(session, judgement.reason, judgement.message);
    }

    void judge(const std::vector<std::shared_ptr<const Session>> & sessions)
    {
        const generation::GenerationPtr generation = current_();
        if (!generation)
            return;
        Judge judge(*generation, clock_());
        for (const std::shared_ptr<const Session> & session : sessions)
        {
            Judgement judgement = judge(*session);
            tell(*session, judgement);
            if (!settle(session, std::move(judgement), generation->settings.sessions))
                return;
        }
    }

    /// False: the registry is being destroyed.
    bool settle(const std::shared_ptr<const Session> & session, Judgement judgement, const config::Sessions & policy)
    {
        std::unique_lock lock(mutex_);
        if (stopping_)
            return false;
        const uint64_t token = session->token;
        const auto found = entries_.find(token);
        if (found == entries_.end() || found->second.session != session)
            return true; // gone, or renewed and judged by that
        if (judgement.passes)
        {
            insert(token, session, judgement.valid_until);
            return true;
        }
        Entry & entry = found->second;
        if (policy.on_revoked == config::OnRevoked::now || entry.activity == Activity::idle)
        {
            close_one(lock, token, judgement.reason, judgement.message);
            return true;
        }
        const bool replaced = entry.ending && entry.ending->replaced;
        SteadyTime end = steady_now() + policy.max_wait;
        if (entry.ending) // each new generation finds it again: the time runs from the first
            end = std::min(end, entry.ending->at);
        set_ending(token, entry, Ending{end, judgement.reason, std::move(judgement.message), replaced});
        if (replaced || session->identity->connected_to_us() || !replace_)
            return true;
        lock.unlock();
        replace_(); // when it throws, the next round asks again
        lock.lock();
        if (const auto told = entries_.find(token); told != entries_.end() && told->second.ending)
            told->second.ending->replaced = true;
        return true;
    }

    /// Unlocks while the host is told. Needs no memory.
    void close_one(std::unique_lock<std::mutex> & lock, uint64_t token, Reason reason, const std::string & message)
    {
        const std::shared_ptr<const Session> session = entries_.at(token).session;
        erase(token);
        ++closed_;
        closing_ = token;
        lock.unlock();
        if (close_)
            close_(*session, reason, message);
        lock.lock();
        closing_.reset();
        closed_one_.notify_all();
    }

    const CloseSession close_;
    const std::function<generation::GenerationPtr()> current_;
    const Clock clock_;
    const ObserveSession observe_;
    const ReplaceConnections replace_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable closed_one_;
    std::unordered_map<uint64_t, Entry> entries_;
    std::set<std::pair<UnixTime, uint64_t>> ends_;      ///< when which is to be judged again
    std::set<std::pair<SteadyTime, uint64_t>> endings_; ///< when which is closed
    std::optional<uint64_t> closing_;
    uint64_t closed_ = 0;
    UnixTime seen_ = clock_(); ///< the moment of the last look
    bool judge_all_ = false;
    bool stopping_ = false;

    std::thread thread_; ///< last: everything above exists before it starts
};

Registry::Registry(
    CloseSession close, std::function<generation::GenerationPtr()> current, Clock clock, ObserveSession observe,
    ReplaceConnections replace)
    : impl_(
        std::make_unique<Impl>(std::move(close), std::move(current), std::move(clock), std::move(observe), std::move(replace)))
{
}

Registry::~Registry() = default;

Result<void> Registry::add(Session session)
{
    return impl_->add(std::move(session));
}

std::shared_ptr<const Session> Registry::remove(uint64_t token)
{
    return impl_->remove(token);
}

void Registry::generation_published()
{
    impl_->generation_published();
}

void Registry::set_activity(uint64_t token, Activity activity)
{
    impl_->set_activity(token, activity);
}

size_t Registry::ending() const
{
    return impl_->ending();
}

size_t Registry::size() const
{
    return impl_->size();
}

uint64_t Registry::closed() const
{
    return impl_->closed();
}

}
