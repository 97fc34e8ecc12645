#pragma once

#include <string_view>

namespace chmtls::trust
{

/// As host names are compared (RFC 4343): letters of ASCII in either case.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);

}
