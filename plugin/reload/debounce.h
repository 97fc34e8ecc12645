#pragma once

#include <algorithm>
#include <chrono>

namespace chmtls::generation
{

/// Events that wait for the writers to become quiet.
class Debounce
{
public:
    /// Writers replace several files in a row: wait until they have been quiet this long ...
    static constexpr std::chrono::milliseconds quiet_time{75};
    /// ... or, with a file still open for writing, this long ...
    static constexpr std::chrono::milliseconds quiet_time_while_writing{400};
    /// ... but never longer than this after the first event, so that a steady writer starves nobody.
    static constexpr std::chrono::milliseconds longest_wait{600};

    void event(std::chrono::steady_clock::time_point now)
    {
        last_ = now;
        if (!pending_)
            first_ = now;
        pending_ = true;
    }
    [[nodiscard]] bool pending() const { return pending_; }
    [[nodiscard]] std::chrono::steady_clock::time_point due(bool writing) const
    {
        return std::min(last_ + (writing ? quiet_time_while_writing : quiet_time), first_ + longest_wait);
    }
    void reset() { pending_ = false; }

private:
    bool pending_ = false;
    std::chrono::steady_clock::time_point first_;
    std::chrono::steady_clock::time_point last_;
};

}
