#pragma once

// How revocation lists count: by authority, and for everybody else.

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace chmtls::trust
{

enum class RevocationPolicy : uint8_t
{
    off,        ///< lists of this authority are not looked at
    if_present, ///< a list counts where there is one
    require,    ///< without a list nothing that the authority signed is accepted
};

/// What becomes of certificates whose list is past nextUpdate and grace.
enum class StaleList : uint8_t
{
    closed, ///< refused
    open,   ///< accepted unless the old list names them
};

struct RevocationRule
{
    RevocationPolicy policy = RevocationPolicy::if_present;
    std::chrono::seconds grace{0}; ///< a list still counts for so long after its nextUpdate
    StaleList stale = StaleList::closed;
    [[nodiscard]] bool operator==(const RevocationRule &) const = default;
};

[[nodiscard]] std::string_view word(RevocationPolicy policy);
[[nodiscard]] std::string_view word(StaleList stale);

struct RevocationRules
{
    RevocationRule general;
    std::map<std::string, RevocationRule, std::less<>> by_authority; ///< by its subject, RFC 4514

    /// The rule for what this authority has signed.
    [[nodiscard]] const RevocationRule & of(std::string_view authority) const;
    [[nodiscard]] bool requires_any() const;
};

}
