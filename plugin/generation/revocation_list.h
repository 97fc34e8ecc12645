#pragma once

// A revocation list in force, as the operator sees it.

#include <optional>
#include <string>

#include "trust/crl.h"
#include "trust/revocation_rules.h"

namespace chmtls::generation
{

struct RevocationList
{
    std::string source; ///< the file
    std::string issuer; ///< RFC 4514
    UnixTime this_update{};
    std::optional<UnixTime> next_update;
    size_t entries = 0;
    trust::RevocationRule rule; ///< by which it counts
    std::chrono::seconds warn_before{0};
};

enum class Freshness
{
    fresh,
    ending, ///< nextUpdate is nearer than warn_before
    grace,  ///< past nextUpdate, counts all the same
    stale,  ///< past nextUpdate and grace
};

[[nodiscard]] Freshness freshness(const RevocationList & list, UnixTime now);
[[nodiscard]] std::string_view word(Freshness freshness);

/// What the operator should know of it now; nothing while it is fresh or not looked at.
[[nodiscard]] std::optional<std::string> warning_of(const RevocationList & list, UnixTime now);

}
