#include "credentials/server_name.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace chmtls::credentials
{

namespace
{

constexpr size_t longest_name = 253;
constexpr size_t longest_label = 63;

bool is_label(std::string_view label)
{
    const auto allowed = [](char c)
    {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !label.empty() && label.size() <= longest_label && std::all_of(label.begin(), label.end(), allowed);
}

bool is_host_name(std::string_view name)
{
    if (name.empty() || name.size() > longest_name)
        return false;
    while (true)
    {
        const size_t dot = name.find('.');
        if (!is_label(name.substr(0, dot)))
            return false;
        if (dot == std::string_view::npos)
            return true;
        name.remove_prefix(dot + 1);
    }
}

}

std::optional<std::string> normal_pattern(std::string_view written)
{
    std::string name(written);
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return ascii_lower(c); });
    if (name.ends_with('.'))
        name.pop_back();
    const std::string_view host = name.starts_with("*.") ? std::string_view(name).substr(2) : std::string_view(name);
    return is_host_name(host) ? std::optional(std::move(name)) : std::nullopt;
}

std::string_view fold_server_name(std::string_view sent, std::span<char, 256> buffer)
{
    if (sent.ends_with('.'))
        sent.remove_suffix(1);
    if (sent.size() > longest_name)
        return {};
    std::transform(sent.begin(), sent.end(), buffer.begin(), [](char c) { return ascii_lower(c); });
    return {buffer.data(), sent.size()};
}

std::string_view parent_domain(std::string_view name)
{
    const size_t dot = name.find('.');
    return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot + 1);
}

bool covers(std::string_view dns_san, std::string_view pattern)
{
    std::array<char, 256> buffer{};
    const std::string_view san = fold_server_name(dns_san, buffer);
    if (san == pattern)
        return true;
    return san.starts_with("*.") && !pattern.starts_with("*.") && parent_domain(pattern) == san.substr(2);
}

}
