#pragma once

// What ClickHouse 18.16 remembers of addresses, and how it is made to forget.

namespace DB
{
class Context;
class DNSResolver;
}

namespace chmtls::debian
{

/// The server's one resolver, as its own calls show it.
void remember_resolver(DB::DNSResolver & resolver) noexcept;

/// What SYSTEM DROP DNS CACHE does, and what it leaves out: users limited by <host>, whose answers are kept apart. Throws what
/// the server throws.
void forget_addresses(DB::Context & context);

}
