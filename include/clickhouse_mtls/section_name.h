/* The section of the server's configuration that asks for the module, and names that are a slip of the pen for it. Hosts look for
 * them where there is no such section: nothing else would say that the server runs without the module.
 */
#ifndef CLICKHOUSE_MTLS_SECTION_NAME_H
#define CLICKHOUSE_MTLS_SECTION_NAME_H

#include <string_view>

namespace chmtls
{

inline constexpr std::string_view section_name = "mtls";

/// Is this the section's name but for letter case, one letter too many, too few or wrong, or two that changed places? False for
/// the name itself. Thread-safe, allocates nothing.
constexpr bool is_slip_of_section_name(std::string_view name) noexcept
{
    const auto lower = [](char c)
    {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    // What the two have in common at both ends.
    const std::string_view wanted = section_name;
    if (name == wanted || name.size() + 1 < wanted.size() || name.size() > wanted.size() + 1)
        return false;
    std::string_view given = name;
    std::string_view left = wanted;
    while (!given.empty() && !left.empty() && lower(given.front()) == left.front())
    {
        given.remove_prefix(1);
        left.remove_prefix(1);
    }
    while (!given.empty() && !left.empty() && lower(given.back()) == left.back())
    {
        given.remove_suffix(1);
        left.remove_suffix(1);
    }
    if (given.size() <= 1 && left.size() <= 1)
        return true;
    return given.size() == 2 && left.size() == 2 && lower(given[0]) == left[1] && lower(given[1]) == left[0];
}

}

#endif
