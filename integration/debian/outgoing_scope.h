#pragma once

// What the connections that the current thread makes are for, where the server itself does not tell the socket.

#include <cstdint>
#include <string>

#include "connection_origin.h"

namespace chmtls::debian
{

/// While it lives, a connection of this thread goes to another ClickHouse node. Not thread-safe: belongs to its thread.
class NodeScope
{
public:
    /// `host` is the name or address as it was given, `interface` CHMTLS_INTERFACE_*.
    NodeScope(std::string host, uint32_t interface, NamedBy named_by);
    ~NodeScope();
    NodeScope(const NodeScope &) = delete;
    NodeScope & operator=(const NodeScope &) = delete;

    /// The scope of this thread, or null.
    static const NodeScope * current() noexcept;

    const std::string & host() const noexcept { return host_; }
    uint32_t interface() const noexcept { return interface_; }
    const NamedBy & named_by() const noexcept { return named_by_; }

private:
    std::string host_;
    uint32_t interface_;
    NamedBy named_by_;
    const NodeScope * outer_;
};

}
