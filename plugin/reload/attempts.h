#pragma once

// Bookkeeping of failed reloads: when to try again, and what to say about it.

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "base/bytes.h"

namespace chmtls::generation
{

using SteadyTime = std::chrono::steady_clock::time_point;

/// Failures in a row. A cause is worth a line in the log once it has stood for half a second: what a writer leaves behind for a
/// moment (one of two files, half of one) is gone by then.
class Attempts
{
public:
    static constexpr std::chrono::milliseconds first_delay{500};
    static constexpr std::chrono::milliseconds longest_delay{30000};

    /// Another failure. `content`: digest of what failed, nothing when it could not even be read whole. True: log the cause now.
    bool failed(const std::optional<Digest32> & content, const std::string & cause, SteadyTime now);
    void succeeded() { *this = Attempts(); }

    [[nodiscard]] bool failing() const { return count_ > 0; }
    [[nodiscard]] bool logged() const { return !logged_.empty(); } ///< a cause was worth a line
    [[nodiscard]] uint64_t count() const { return count_; }
    [[nodiscard]] SteadyTime since() const { return since_; }
    [[nodiscard]] std::optional<SteadyTime> retry_at() const { return retry_at_; }
    [[nodiscard]] bool due(SteadyTime now) const { return retry_at_ && now >= *retry_at_; }
    /// Did just this content fail the last time?
    [[nodiscard]] bool failed_with(const Digest32 & content) const { return content_ == content; }

private:
    uint64_t count_ = 0;
    SteadyTime since_;
    std::chrono::milliseconds delay_ = first_delay;
    std::optional<SteadyTime> retry_at_;
    std::optional<Digest32> content_;
    std::string cause_;
    SteadyTime cause_since_;
    std::set<std::string> logged_;
};

}
