#include "trust/name_match.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "trust/name_constraints.h"
#include "trust/path.h"

namespace chmtls::trust
{

namespace
{

/// An address as bytes, so that every way of writing it is equal.
struct Address
{
    std::array<uint8_t, 16> bytes{};
    size_t length = 0;

    bool operator==(const Address &) const = default;
};

std::optional<Address> parse_address(const std::string & text)
{
    Address out;
    if (text.find('\0') != std::string::npos)
        return std::nullopt;
    if (inet_pton(AF_INET, text.c_str(), out.bytes.data()) == 1)
        out.length = 4;
    else if (inet_pton(AF_INET6, text.c_str(), out.bytes.data()) == 1)
        out.length = 16;
    else
        return std::nullopt;
    return out;
}

std::string without_brackets(const std::string & text)
{
    if (text.size() > 2 && text.front() == '[' && text.back() == ']')
        return text.substr(1, text.size() - 2);
    return text;
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// RFC 9525 6.3: '*' only as the whole left-most label, standing for exactly one label. We ask for two labels behind it, so that
/// "*.com" proves nothing.
bool dns_matches(std::string_view presented, std::string_view wanted)
{
    if (!presented.starts_with("*."))
        return presented.find('*') == std::string_view::npos && equal_ignoring_case(presented, wanted);
    const std::string_view suffix = presented.substr(1);
    if (suffix.find('*') != std::string_view::npos || suffix.find('.', 1) == std::string_view::npos)
        return false;
    const size_t first_label = wanted.find('.');
    if (first_label == std::string_view::npos || first_label == 0)
        return false;
    return equal_ignoring_case(suffix, wanted.substr(first_label));
}

bool proves_address(const openssl::CertificateFacts & facts, const Address & wanted)
{
    return std::ranges::any_of(facts.san.ips, [&](const std::string & ip) { return parse_address(ip) == wanted; });
}

bool proves_host(std::span<const openssl::Certificate> path, std::string_view wanted)
{
    if (wanted.ends_with('.'))
        wanted.remove_suffix(1); // the absolute form of the same name
    if (wanted.empty() || wanted.find('*') != std::string_view::npos)
        return false;
    const std::vector<std::string> & names = path.front().facts().san.dns;
    return std::ranges::any_of(names, [&](const std::string & dns) { return dns_matches(dns, wanted); })
           && may_certify_host(path, wanted);
}

}

bool equal_ignoring_case(std::string_view left, std::string_view right)
{
    return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

bool proves_name(std::span<const openssl::Certificate> path, const std::string & name)
{
    const openssl::CertificateFacts & facts = path.front().facts();
    if (name.starts_with("dns:"))
        return proves_host(path, std::string_view(name).substr(4));
    if (name.starts_with("ip:"))
    {
        const auto address = parse_address(without_brackets(name.substr(3)));
        return address && proves_address(facts, *address);
    }
    if (const auto address = parse_address(without_brackets(name)))
        return proves_address(facts, *address);
    return proves_host(path, name);
}

}
