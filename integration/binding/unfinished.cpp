#include <binding/unfinished.h>

#include <algorithm>
#include <utility>

#include <sys/socket.h>

namespace chmtls::host
{

Unfinished::Unfinished(
    std::function<void(const Report &)> report, const std::function<std::thread(std::function<void()>)> & start_thread)
    : report_(std::move(report)), thread_(start_thread([this] { run(); }))
{
}

Unfinished::~Unfinished()
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    while (!entries_.empty())
        forget(entries_.begin());
}

void Unfinished::set_limits(const Limits & limits)
{
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

Unfinished::Limits Unfinished::limits() const
{
    const std::lock_guard lock(mutex_);
    return limits_;
}

uint64_t
Unfinished::begin(int descriptor, const std::string & address, Counted counted, std::optional<std::chrono::milliseconds> timeout)
{
    auto duplicate = Descriptor::duplicate_of(descriptor);
    if (!duplicate.valid())
        return 0;
    const std::lock_guard lock(mutex_);
    // The descriptor may be that of a connection which was closed before anybody claimed it.
    if (const auto former = unclaimed_.find(descriptor); former != unclaimed_.end())
        forget(entries_.find(former->second));
    if (counted == Counted::yes)
        make_room(address);
    const auto number = ++last_number_;
    put(number, {descriptor, std::move(duplicate), address, counted, Clock::now() + timeout.value_or(limits_.timeout)});
    if (deadlines_.begin()->second == number)
        wake_.notify_all();
    return number;
}

// All of it or nothing, also without memory.
void Unfinished::put(uint64_t number, Entry what)
{
    const auto counted = std::exchange(what.counted, Counted::no);
    const auto entry = entries_.emplace(number, std::move(what)).first;
    try
    {
        unclaimed_[entry->second.descriptor] = number;
        deadlines_.emplace(entry->second.deadline, number);
        if (counted == Counted::no)
            return;
        const auto own = by_address_.try_emplace(entry->second.address).first;
        own->second.silent.insert(number);
        entry->second.counted = Counted::yes;
        ++counted_;
    }
    catch (...)
    {
        if (const auto own = by_address_.find(entry->second.address); own != by_address_.end() && own->second.size() == 0)
            by_address_.erase(own);
        forget(entry);
        throw;
    }
}

uint64_t Unfinished::claim(int descriptor) noexcept
{
    const std::lock_guard lock(mutex_);
    const auto found = unclaimed_.find(descriptor);
    if (found == unclaimed_.end())
        return 0;
    const auto number = found->second;
    unclaimed_.erase(found);
    return number;
}

void Unfinished::advance(uint64_t number) noexcept
{
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(number);
    if (entry == entries_.end() || entry->second.counted == Counted::no)
        return;
    auto & own = by_address_.find(entry->second.address)->second;
    if (auto moved = own.silent.extract(number))
        own.advanced.insert(std::move(moved));
}

void Unfinished::end(uint64_t number) noexcept
{
    const std::lock_guard lock(mutex_);
    if (const auto entry = entries_.find(number); entry != entries_.end())
        forget(entry);
}

size_t Unfinished::count() const
{
    const std::lock_guard lock(mutex_);
    return counted_;
}

void Unfinished::make_room(const std::string & address)
{
    if (const auto own = by_address_.find(address); own != by_address_.end() && own->second.size() >= limits_.per_address)
        shut_down(entries_.find(own->second.first_to_go()), &Report::of_address);
    if (counted_ >= limits_.total)
        shut_down(entries_.find(who_has_most().first_to_go()), &Report::of_total);
}

// Of those who have a silent one, if anybody has; of two that have as many, who holds the older one.
const Unfinished::Held & Unfinished::who_has_most() const
{
    const auto comes_behind = [](const auto & left, const auto & right)
    {
        const Held & one = left.second;
        const Held & other = right.second;
        if (one.silent.empty() != other.silent.empty())
            return one.silent.empty();
        if (one.size() != other.size())
            return one.size() < other.size();
        return one.first_to_go() > other.first_to_go();
    };
    return std::max_element(by_address_.begin(), by_address_.end(), comes_behind)->second;
}

void Unfinished::shut_down(Entries::iterator entry, uint64_t Report::*reason)
{
    ::shutdown(entry->second.duplicate.get(), SHUT_RDWR);
    const bool first = pending_.empty();
    ++(pending_.*reason);
    pending_.address = entry->second.address;
    forget(entry);
    if (first)
        wake_.notify_all();
}

void Unfinished::forget(Entries::iterator entry) noexcept
{
    const auto & [number, what] = *entry;
    deadlines_.erase({what.deadline, number});
    if (const auto unclaimed = unclaimed_.find(what.descriptor); unclaimed != unclaimed_.end() && unclaimed->second == number)
        unclaimed_.erase(unclaimed);
    if (what.counted == Counted::yes)
    {
        --counted_;
        const auto own = by_address_.find(what.address);
        own->second.silent.erase(number);
        own->second.advanced.erase(number);
        if (own->second.size() == 0)
            by_address_.erase(own);
    }
    entries_.erase(entry);
}

void Unfinished::run()
{
    auto next_report = Clock::now();
    std::unique_lock lock(mutex_);
    while (!stopping_)
    {
        const auto now = Clock::now();
        while (!deadlines_.empty() && deadlines_.begin()->first <= now)
            shut_down(entries_.find(deadlines_.begin()->second), &Report::at_deadline);
        if (!pending_.empty() && next_report <= now)
        {
            const auto report = std::exchange(pending_, {});
            next_report = now + between_reports;
            lock.unlock();
            report_(report);
            lock.lock();
            continue;
        }
        auto next = deadlines_.empty() ? Clock::time_point::max() : deadlines_.begin()->first;
        if (!pending_.empty())
            next = std::min(next, next_report);
        if (next == Clock::time_point::max())
            wake_.wait(lock);
        else
            wake_.wait_until(lock, next);
    }
}

}
