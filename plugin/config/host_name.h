#pragma once

#include <string>
#include <string_view>

namespace chmtls::config
{

/// ASCII letters in lower case, everything else as it is.
[[nodiscard]] std::string ascii_lower(std::string text);

/// Labels of lower-case letters, digits, "-" and "_", at most 63 bytes each and 253 together (RFC 1035 2.3.4); no dot at the end.
[[nodiscard]] bool is_host_name(std::string_view name);

/// An IPv4 or IPv6 address as text, without brackets.
[[nodiscard]] bool is_address(const std::string & text);

}
