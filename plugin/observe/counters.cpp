#include "observe/counters.h"

namespace chmtls::observe
{

std::map<std::string_view, uint64_t> Counters::by_code(const Slots & slots)
{
    std::map<std::string_view, uint64_t> counted;
    for (size_t i = 0; i < slots.size(); ++i)
    {
        const auto reason = static_cast<Reason>(i);
        if (const auto count = read(slots, reason); count != 0)
            counted[code(reason)] += count;
    }
    return counted;
}

}
