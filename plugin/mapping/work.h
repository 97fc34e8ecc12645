#pragma once

// The bound on the work for one certificate.

#include <cstddef>
#include <cstdint>

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

private:
    uint32_t left_;
    bool exhausted_ = false;
};

}
