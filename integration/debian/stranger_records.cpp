#include "stranger_records.h"

#include <algorithm>
#include <utility>

namespace chmtls::debian
{

bool StrangerRecords::admit(size_t size, Time now)
{
    const std::lock_guard lock(mutex_);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now - filled_);
    if (filled_ == Time{} || seconds.count() > static_cast<int64_t>(burst / per_second))
    {
        tokens_ = burst;
        filled_ = now;
    }
    else if (seconds.count() > 0)
    {
        tokens_ = std::min(burst, tokens_ + static_cast<size_t>(seconds.count()) * per_second);
        filled_ += seconds;
    }
    if (size <= tokens_)
    {
        tokens_ -= size;
        return true;
    }
    if (left_out_++ == 0)
        report_at_ = now + between_reports;
    return false;
}

std::optional<uint64_t> StrangerRecords::left_out(Time now)
{
    const std::lock_guard lock(mutex_);
    if (left_out_ == 0 || now < report_at_)
        return std::nullopt;
    return std::exchange(left_out_, 0);
}

}
