#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dns/answer.h"

namespace chmtls::dns
{

/// Why a flush was asked for.
enum class Cause
{
    changed,  ///< a name has other addresses
    failures, ///< connects in a row that failed
    schedule,
    rotation, ///< our own certificates changed
    command,
    count
};

[[nodiscard]] const char * word(Cause cause);

struct Flush
{
    std::string host; ///< empty: everything
    std::set<Cause> causes;
};

/// Flushes that were asked for: the first is done at once, those that follow within the interval are done together at its end.
/// Not thread-safe.
class Flushes
{
public:
    /// More hosts than this in one go are everything. Of their own accord only hosts of the configuration are asked for.
    static constexpr size_t max_hosts = 10000;

    void ask(const std::string & host, Cause cause);

    /// When what was asked for may be done; nothing while nothing was.
    [[nodiscard]] std::optional<TimePoint> due(std::chrono::milliseconds interval) const;

    /// What is to be done now; empty before it is due.
    [[nodiscard]] std::vector<Flush> take(TimePoint now, std::chrono::milliseconds interval);

    struct Counts
    {
        uint64_t done = 0; ///< calls of the host
        std::array<uint64_t, static_cast<size_t>(Cause::count)> asked{};
    };
    [[nodiscard]] const Counts & counts() const { return counts_; }

private:
    std::map<std::string, std::set<Cause>> pending_;
    std::optional<TimePoint> last_;
    Counts counts_;
};

}
