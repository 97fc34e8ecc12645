#pragma once

// Letters of ASCII; bytes beyond 0x7f are left as they are (RFC 4343 3). The locale counts for nothing.

#include <algorithm>
#include <string>
#include <string_view>

namespace chmtls
{

[[nodiscard]] constexpr char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] inline std::string ascii_lower(std::string_view text)
{
    std::string lower(text);
    for (char & c : lower)
        c = ascii_lower(c);
    return lower;
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view left, std::string_view right)
{
    return std::equal(
        left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
}

}
