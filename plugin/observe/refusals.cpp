#include "observe/refusals.h"

#include <algorithm>
#include <utility>

namespace chmtls::observe
{

namespace
{

AuditLine with_count(AuditLine line, uint64_t repeated)
{
    return line.add("repeated", repeated);
}

}

std::string address_without_port(std::string_view remote)
{
    if (remote.starts_with('['))
        return std::string(remote.substr(1, remote.find(']') - 1));
    const auto colon = remote.rfind(':');
    // More than one colon: an IPv6 address that has no port.
    return std::string(colon == remote.find(':') ? remote.substr(0, colon) : remote);
}

std::vector<AuditLine> RefusalLines::note(const RefusalKey & key, AuditLine line, SteadyTime now)
{
    auto lines = due(now);
    if (const auto row = rows_.find(key); row != rows_.end())
    {
        ++row->second.repeated;
        row->second.last = std::move(line);
        return lines;
    }
    if (rows_.size() >= max_keys || !take_token(now))
    {
        suppress(1, now);
        return lines;
    }
    rows_.emplace(key, Row{now + interval, std::nullopt, 0});
    lines.push_back(std::move(line));
    return lines;
}

std::vector<AuditLine> RefusalLines::due(SteadyTime now)
{
    std::vector<AuditLine> lines;
    if (next() > now)
        return lines;
    for (auto row = rows_.begin(); row != rows_.end();)
    {
        auto & [until, last, repeated] = row->second;
        if (until > now)
        {
            ++row;
            continue;
        }
        if (repeated == 0)
        {
            row = rows_.erase(row); // quiet for an interval: the next one is news
            continue;
        }
        if (take_token(now))
            lines.push_back(with_count(*last, repeated));
        else
            suppress(repeated, now);
        repeated = 0;
        last.reset();
        until = now + interval;
        ++row;
    }
    if (suppressed_ != 0 && suppressed_until_ <= now)
        lines.push_back(suppressed_line());
    return lines;
}

SteadyTime RefusalLines::next() const
{
    auto soonest = suppressed_ != 0 ? suppressed_until_ : SteadyTime::max();
    for (const auto & [key, row] : rows_)
        soonest = std::min(soonest, row.until);
    return soonest;
}

std::vector<AuditLine> RefusalLines::rest()
{
    std::vector<AuditLine> lines;
    for (const auto & [key, row] : rows_)
        if (row.repeated != 0)
            lines.push_back(with_count(*row.last, row.repeated));
    rows_.clear();
    if (suppressed_ != 0)
        lines.push_back(suppressed_line());
    return lines;
}

bool RefusalLines::take_token(SteadyTime now)
{
    if (tokens_ == burst)
        refilled_ = now; // a full bucket gains nothing
    const auto gained = (now - refilled_) / refill;
    if (gained > 0)
    {
        tokens_ = static_cast<uint32_t>(std::min<int64_t>(burst, tokens_ + gained));
        refilled_ += gained * refill;
    }
    if (tokens_ == 0)
        return false;
    --tokens_;
    return true;
}

void RefusalLines::suppress(uint64_t count, SteadyTime now)
{
    if (suppressed_ == 0)
        suppressed_until_ = now + interval;
    suppressed_ += count;
}

AuditLine RefusalLines::suppressed_line()
{
    const auto count = std::exchange(suppressed_, 0);
    return AuditLine("suppressed")
        .add("decision", "refused")
        .add("count", count)
        .add("message", "more refusals than the log takes; they were refused and counted, and only their lines are missing");
}

RefusalLog::RefusalLog(std::function<void(const AuditLine &)> write) : write_(std::move(write)), thread_([this] { run(); }) {}

RefusalLog::~RefusalLog()
{
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    write_all(lines_.rest());
}

void RefusalLog::note(const RefusalKey & key, AuditLine line)
{
    std::vector<AuditLine> lines;
    {
        const std::scoped_lock lock(mutex_);
        lines = lines_.note(key, std::move(line), std::chrono::steady_clock::now());
    }
    wake_.notify_all();
    write_all(lines);
}

void RefusalLog::run()
{
    std::unique_lock lock(mutex_);
    while (!stopping_)
    {
        const auto lines = lines_.due(std::chrono::steady_clock::now());
        if (!lines.empty())
        {
            lock.unlock();
            write_all(lines);
            lock.lock();
            continue;
        }
        if (const auto next = lines_.next(); next == SteadyTime::max())
            wake_.wait(lock);
        else
            wake_.wait_until(lock, next);
    }
}

void RefusalLog::write_all(const std::vector<AuditLine> & lines) const
{
    for (const auto & line : lines)
        write_(line);
}

}
