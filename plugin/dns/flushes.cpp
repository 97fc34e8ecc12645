#include "dns/flushes.h"

namespace chmtls::dns
{

const char * word(Cause cause)
{
    switch (cause)
    {
    case Cause::changed:
        return "changed";
    case Cause::failures:
        return "failures";
    case Cause::schedule:
        return "schedule";
    case Cause::rotation:
        return "rotation";
    case Cause::command:
    case Cause::count:
        break;
    }
    return "command";
}

void Flushes::ask(const std::string & host, Cause cause)
{
    ++counts_.asked[static_cast<size_t>(cause)];
    pending_[host].insert(cause);
}

std::optional<TimePoint> Flushes::due(std::chrono::milliseconds interval) const
{
    if (pending_.empty())
        return std::nullopt;
    return last_ ? *last_ + interval : TimePoint::min();
}

std::vector<Flush> Flushes::take(TimePoint now, std::chrono::milliseconds interval)
{
    const auto when = due(interval);
    if (!when || *when > now)
        return {};
    std::vector<Flush> result;
    if (pending_.contains({}) || pending_.size() > max_hosts)
    {
        Flush all;
        for (const auto & [host, causes] : pending_)
            all.causes.insert(causes.begin(), causes.end());
        result.push_back(std::move(all));
    }
    else
    {
        for (auto & [host, causes] : pending_)
            result.push_back({host, std::move(causes)});
    }
    pending_.clear();
    last_ = now;
    counts_.done += result.size();
    return result;
}

}
