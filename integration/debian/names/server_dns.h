#pragma once

// What ClickHouse 18.16 remembers of addresses, and how it is made to forget.

#include <optional>
#include <string>

namespace DB
{
class Context;
class DNSResolver;
}

namespace chmtls::debian
{

/// The server's one resolver, as its own calls show it.
void remember_resolver(DB::DNSResolver & resolver) noexcept;

/// The address that the server connects to for a host now; nothing before its resolver was first used. Throws what the server
/// throws when the name does not resolve.
std::optional<std::string> address_of(const std::string & host);

/// The answers kept for users limited by <host> and <host_regexp>, which the stock server never forgets.
void forget_hosts_of_users();

/// What SYSTEM DROP DNS CACHE does in the stock server, and what it leaves out. Throws what the server throws.
void forget_addresses(DB::Context & context);

}
