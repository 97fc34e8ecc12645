#include "dns/connects.h"

#include <algorithm>

namespace chmtls::dns
{

namespace
{

constexpr uint64_t max_factor = 1024;

}

bool Connects::failed(std::string_view host, uint64_t limit)
{
    if (limit == 0)
        return false;
    const std::string key(host);
    if (hosts_.size() >= max_hosts && hosts_.find(key) == hosts_.end())
        make_room();
    Row & row = hosts_[key];
    row.last = ++count_;
    if (++row.failures < limit * row.factor)
        return false;
    row.failures = 0;
    if (row.factor < max_factor)
        row.factor *= 2;
    return true;
}

/// Whoever may have this server connect to hosts of his choice must not have it forget the ones that matter.
void Connects::make_room()
{
    hosts_.erase(std::min_element(
        hosts_.begin(), hosts_.end(), [](const auto & one, const auto & other) { return one.second.last < other.second.last; }));
}

void Connects::succeeded(std::string_view host)
{
    if (!hosts_.empty())
        hosts_.erase(std::string(host));
}

}
