#include "dns/watch.h"

#include <algorithm>

namespace chmtls::dns
{

namespace
{

/// Names that are due at about the same time are asked together: one wake-up for many.
constexpr std::chrono::milliseconds slot{200};

TimePoint slotted(TimePoint time)
{
    const auto since = time.time_since_epoch();
    return TimePoint(std::chrono::ceil<std::chrono::milliseconds>(since) / slot * slot + slot);
}

std::vector<std::string> joined(const std::set<std::string> & left, const std::set<std::string> & right)
{
    std::vector<std::string> result(left.begin(), left.end());
    result.insert(result.end(), right.begin(), right.end());
    return result;
}

bool gave_addresses(const Answer & answer)
{
    return answer.kind == Answer::Kind::addresses;
}

/// What is known of a family after an answer. That there are none is believed only beside addresses of the other family.
void take(const Answer & answer, const Answer & other, std::set<std::string> & known)
{
    if (gave_addresses(answer))
        known = std::set<std::string>(answer.addresses.begin(), answer.addresses.end());
    else if (answer.kind == Answer::Kind::none && gave_addresses(other))
        known.clear();
}

}

void Watch::configure(const config::DnsSettings & settings, TimePoint now)
{
    settings_ = settings;
    std::map<std::string, Entry> former;
    former.swap(entries_);
    due_.clear();
    under_way_ = 0;
    for (const std::string & name : settings_.names)
    {
        const auto found = former.find(name);
        Entry & entry = entries_[name] = found == former.end() ? Entry{} : std::move(found->second);
        if (entry.under_way)
            ++under_way_;
        else
            schedule(name, entry, entry.asked ? std::min(entry.due, now + settings_.max_ttl) : now);
    }
}

std::vector<std::string> Watch::take_due(TimePoint now, size_t most)
{
    std::vector<std::string> result;
    while (!due_.empty() && due_.begin()->first <= now && result.size() < most)
    {
        std::string name = std::move(due_.extract(due_.begin()).value().second);
        entries_.at(name).under_way = true;
        ++under_way_;
        result.push_back(std::move(name));
    }
    return result;
}

std::optional<TimePoint> Watch::next_due() const
{
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

Outcome Watch::ended(const Lookup & lookup, TimePoint now)
{
    Outcome outcome;
    const auto found = entries_.find(lookup.name);
    if (found == entries_.end() || !found->second.under_way)
        return outcome; // no longer watched
    Entry & entry = found->second;
    entry.under_way = false;
    --under_way_;

    outcome.before = joined(entry.ipv4, entry.ipv6);
    take(lookup.ipv4, lookup.ipv6, entry.ipv4);
    take(lookup.ipv6, lookup.ipv4, entry.ipv6);
    outcome.after = joined(entry.ipv4, entry.ipv6);

    const bool resolves = gave_addresses(lookup.ipv4) || gave_addresses(lookup.ipv6);
    if (resolves)
    {
        // Known before, or known not to resolve: either way somebody may remember what is no longer so.
        outcome.changed = entry.asked && outcome.before != outcome.after;
        entry.failure.clear();
    }
    else
    {
        outcome.began_to_fail = entry.resolves || !entry.asked;
        entry.failure = lookup.ipv4.failure.empty() ? lookup.ipv6.failure : lookup.ipv4.failure;
        outcome.failure = entry.failure;
    }
    if (outcome.changed)
        ++entry.changes;
    entry.resolves = resolves;
    entry.asked = true;
    schedule(lookup.name, entry, slotted(now + next_delay(lookup)));
    return outcome;
}

void Watch::ask_now(const std::string & name, TimePoint now)
{
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second.under_way || found->second.due <= now)
        return;
    due_.erase({found->second.due, name});
    schedule(name, found->second, now);
}

void Watch::restart(TimePoint now)
{
    due_.clear();
    under_way_ = 0;
    for (auto & [name, entry] : entries_)
    {
        entry.under_way = false;
        schedule(name, entry, slotted(now + settings_.negative_ttl));
    }
}

std::vector<NameState> Watch::states(TimePoint now) const
{
    std::vector<NameState> result;
    result.reserve(entries_.size());
    for (const auto & [name, entry] : entries_)
    {
        NameState state{name, joined(entry.ipv4, entry.ipv6), entry.resolves, entry.failure, std::nullopt, entry.changes};
        if (!entry.under_way)
            state.asked_again_in
                = std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(entry.due - now));
        result.push_back(std::move(state));
    }
    return result;
}

size_t Watch::failing() const
{
    return static_cast<size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto & each) { return each.second.asked && !each.second.resolves; }));
}

void Watch::schedule(const std::string & name, Entry & entry, TimePoint due)
{
    entry.due = due;
    due_.emplace(due, name);
}

std::chrono::milliseconds Watch::next_delay(const Lookup & lookup) const
{
    std::optional<std::chrono::milliseconds> delay;
    const auto at_most = [&](std::chrono::milliseconds bound)
    {
        delay = delay ? std::min(*delay, bound) : bound;
    };
    for (const Answer * answer : {&lookup.ipv4, &lookup.ipv6})
    {
        if (gave_addresses(*answer))
            at_most(std::clamp(std::chrono::milliseconds(answer->ttl), settings_.min_ttl, settings_.max_ttl));
        else if (answer->kind == Answer::Kind::failed)
            at_most(settings_.negative_ttl);
    }
    return delay.value_or(settings_.negative_ttl); // no such name
}

}
