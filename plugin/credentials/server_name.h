#pragma once

// Server names (RFC 6066 3) and the patterns that choose a credential by them.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chmtls::credentials
{

/// Lower case, without one trailing dot; nothing when it is no host name or "*." before one (RFC 1034 3.5, and "_" in labels).
[[nodiscard]] std::optional<std::string> normal_pattern(std::string_view written);

/// A name that a client sent, folded into a buffer of the caller; empty when it cannot be a host name's length.
[[nodiscard]] std::string_view fold_server_name(std::string_view sent, std::span<char, 256> buffer);

/// What follows the left-most label of "a.example.org"; empty when there is no second label or the first one is empty.
[[nodiscard]] std::string_view parent_domain(std::string_view name);

/// Does the DNS SAN (exact or "*.parent", any case) cover this normal pattern? A wildcard is covered by the same wildcard only.
[[nodiscard]] bool covers(std::string_view dns_san, std::string_view pattern);

}
