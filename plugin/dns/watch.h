#pragma once

// Which names are watched, what is known of each, and when to ask again. Only a state: time is given to it.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/settings.h"
#include "dns/answer.h"

namespace chmtls::dns
{

/// What is known of a name.
struct NameState
{
    std::string name;
    std::vector<std::string> addresses; ///< the last that were known, sorted; empty: it never had any
    bool resolves = false;              ///< the last answer gave addresses
    std::string failure;                ///< why it does not
    std::optional<std::chrono::milliseconds> asked_again_in;
    uint64_t changes = 0;
};

/// What an answer meant.
struct Outcome
{
    bool changed = false; ///< other addresses than before: what was remembered of them is wrong
    bool began_to_fail = false;
    std::vector<std::string> before;
    std::vector<std::string> after;
    std::string failure;
};

/// Not thread-safe.
class Watch
{
public:
    /// Names that are new are due at once, those that stay keep what is known of them.
    void configure(const config::DnsSettings & settings, TimePoint now);

    /// At most `most` names whose time has come; each counts as under way until `ended`.
    [[nodiscard]] std::vector<std::string> take_due(TimePoint now, size_t most);

    /// When the next name is due; nothing while there is none.
    [[nodiscard]] std::optional<TimePoint> next_due() const;

    /// Only another set of addresses is a change: neither the first answer, nor another order, nor a failure, nor the answer that
    /// there is no such name (whoever still knows an address is better off with it than with none). The first answer after the
    /// name could not be resolved is a change as well: others may remember that.
    [[nodiscard]] Outcome ended(const Lookup & lookup, TimePoint now);

    /// Ask soon what is known to be watched; others are left alone.
    void ask_now(const std::string & name, TimePoint now);

    /// What was under way is lost: every name is asked again after negative_ttl. What is known stays.
    void restart(TimePoint now);

    [[nodiscard]] std::vector<NameState> states(TimePoint now) const;
    [[nodiscard]] size_t size() const { return entries_.size(); }
    [[nodiscard]] bool watches(const std::string & name) const { return entries_.contains(name); }
    [[nodiscard]] size_t failing() const;
    [[nodiscard]] size_t under_way() const { return under_way_; }

private:
    struct Entry
    {
        std::set<std::string> ipv4;
        std::set<std::string> ipv6;
        bool resolves = false;
        bool asked = false; ///< an answer of any kind has come
        bool under_way = false;
        std::string failure;
        TimePoint due;
        uint64_t changes = 0;
    };

    void schedule(const std::string & name, Entry & entry, TimePoint due);
    [[nodiscard]] std::chrono::milliseconds next_delay(const Lookup & lookup) const;

    config::DnsSettings settings_;
    std::map<std::string, Entry> entries_;
    std::set<std::pair<TimePoint, std::string>> due_; ///< of the names that are not under way
    size_t under_way_ = 0;
};

}
