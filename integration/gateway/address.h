#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chmtls::gateway
{

/// A host name or address, and a port.
struct HostPort
{
    std::string host; ///< without brackets
    uint16_t port = 0;

    bool operator==(const HostPort &) const = default;
};

/// "192.0.2.1:9000", "[2001:db8::1]:9000", "ch1.example.org:9000". Nothing: it is none of these.
std::optional<HostPort> parse_host_port(std::string_view text);

/// The reverse.
std::string to_text(const HostPort & address);

/// An address without a port: four numbers, or one with colons.
bool is_address(const std::string & host);

}
