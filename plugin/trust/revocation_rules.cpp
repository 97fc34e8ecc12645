#include "trust/revocation_rules.h"

#include <algorithm>

namespace chmtls::trust
{

std::string_view word(RevocationPolicy policy)
{
    switch (policy)
    {
    case RevocationPolicy::off:
        return "off";
    case RevocationPolicy::if_present:
        return "if_present";
    case RevocationPolicy::require:
        break;
    }
    return "require";
}

std::string_view word(StaleList stale)
{
    return stale == StaleList::open ? "open" : "closed";
}

const RevocationRule & RevocationRules::of(std::string_view authority) const
{
    const auto found = by_authority.find(authority);
    return found == by_authority.end() ? general : found->second;
}

bool RevocationRules::requires_any() const
{
    return general.policy == RevocationPolicy::require
           || std::ranges::any_of(
               by_authority, [](const auto & each) { return each.second.policy == RevocationPolicy::require; });
}

}
