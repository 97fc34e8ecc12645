#include "reload/attempts.h"

#include <algorithm>

namespace chmtls::generation
{

bool Attempts::failed(const std::optional<Digest32> & content, const std::string & cause, SteadyTime now)
{
    const bool again = count_ > 0 && cause == cause_;
    if (count_ == 0)
        since_ = now;
    if (!again)
        cause_since_ = now;
    ++count_;
    delay_ = again ? std::min(delay_ * 2, longest_delay) : first_delay;
    retry_at_ = now + delay_;
    content_ = content;
    cause_ = cause;
    return now - cause_since_ >= first_delay && logged_.insert(cause).second;
}

}
