#pragma once

// A hundred damaged texts of one, header only.

#include <string>
#include <string_view>
#include <vector>

namespace chmtls::test
{

/// Fifty cut off, fifty with a byte that became another.
inline std::vector<std::string> mutations(const std::string & whole)
{
    constexpr size_t each = 50;
    constexpr std::string_view bytes = "!-A=\n \xff";
    std::vector<std::string> result;
    for (size_t i = 0; i < each; ++i)
    {
        result.push_back(whole.substr(0, whole.size() * i / each));
        std::string damaged = whole;
        char & byte = damaged[(whole.size() - 1) * (i + 1) / each];
        const char other = bytes[i % bytes.size()];
        byte = byte == other ? '#' : other;
        result.push_back(std::move(damaged));
    }
    return result;
}

}
