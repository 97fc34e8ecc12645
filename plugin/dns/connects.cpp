#include "dns/connects.h"

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
    Row & row = hosts_[std::string(host)];
    if (++row.failures < limit * row.factor)
        return false;
    row.failures = 0;
    if (row.factor < max_factor)
        row.factor *= 2;
    return true;
}

void Connects::succeeded(std::string_view host)
{
    if (!hosts_.empty())
        hosts_.erase(std::string(host));
}

}
