#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <mtls><limits>: for <users>, <nodes> and <keeper> the keys min_rsa_bits, curves, signature_hashes, max_certificate_lifetime
/// and min_remaining_lifetime.
void read_limits(Section & mtls, Settings & settings, Findings & findings);

/// A length of time ("90s", "5m", "12h", "30d", or seconds), from `least` to a hundred years.
[[nodiscard]] std::optional<std::chrono::seconds>
read_duration(Section & section, std::string_view key, std::chrono::seconds least = std::chrono::seconds(1));

}
