#include "config/host_name.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "base/ascii.h"

namespace chmtls::config
{

bool is_host_name(std::string_view name)
{
    if (name.empty() || name.size() > 253)
        return false;
    size_t label = 0;
    for (const char c : name)
    {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!plain && (c != '.' || label == 0))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

std::string normal_host(std::string_view written)
{
    if (written.size() > 2 && written.front() == '[' && written.back() == ']')
        written = written.substr(1, written.size() - 2);
    std::string host = ascii_lower(written);
    for (const int family : {AF_INET, AF_INET6})
    {
        std::array<unsigned char, sizeof(in6_addr)> address{};
        std::array<char, INET6_ADDRSTRLEN> text{};
        const bool whole = host.find('\0') == std::string::npos; // inet_pton would stop there
        if (whole && ::inet_pton(family, host.c_str(), address.data()) == 1
            && ::inet_ntop(family, address.data(), text.data(), text.size()) != nullptr)
            return text.data();
    }
    if (host.size() > 1 && host.back() == '.')
        host.pop_back();
    return host;
}

bool is_address(const std::string & text)
{
    in6_addr address{};
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1 || ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}
