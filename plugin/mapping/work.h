#pragma once

// The bound on the work for one certificate.

#include <cstddef>
#include <cstdint>
#include <ctime>

namespace chmtls::mapping
{

/// Steps (index lookups, rules tried, values compared) that one decision may take: 10 to 20 ms of work. Beyond it the decision is
/// Reason::resource. A certificate with max_names names against a million ordinary rules stays well below.
inline constexpr uint32_t max_steps = 1u << 17;

class Budget
{
public:
    explicit Budget(uint32_t steps = max_steps) : left_(steps) {}

    /// False when there is nothing left; then stop and refuse.
    bool spend(size_t steps)
    {
        if (steps > left_)
        {
            left_ = 0;
            exhausted_ = true;
            return false;
        }
        left_ -= static_cast<uint32_t>(steps);
        return true;
    }
    [[nodiscard]] bool exhausted() const { return exhausted_; }

    /// Work that cannot be told beforehand: the processor time that `work` takes on this thread, 100 ns a step. False: as spend.
    template <typename Work>
    bool spend_time_of(const Work & work)
    {
        const auto before = thread_time();
        work();
        return spend(static_cast<size_t>((thread_time() - before) / 100));
    }

private:
    /// Not of a clock on the wall: a thread that has to wait for a processor has done no work.
    [[nodiscard]] static int64_t thread_time()
    {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    }

    uint32_t left_;
    bool exhausted_ = false;
};

}
