#pragma once

#include <string>
#include <string_view>

namespace chmtls::config
{

/// Labels of lower-case letters, digits, "-" and "_", at most 63 bytes each and 253 together (RFC 1035 2.3.4); no dot at the end.
[[nodiscard]] bool is_host_name(std::string_view name);

/// One text for all ways of writing a host: an address as inet_ntop prints it, without brackets; a name in lower case and without
/// the trailing dot of its absolute form. What is neither comes back in lower case.
[[nodiscard]] std::string normal_host(std::string_view written);

/// An IPv4 or IPv6 address as text, without brackets.
[[nodiscard]] bool is_address(const std::string & text);

}
