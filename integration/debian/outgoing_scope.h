#pragma once

// What the connections that the current thread makes are for, where the server itself does not tell the socket.

#include <cstdint>
#include <string>

namespace chmtls::debian
{

/// While it lives, a connection of this thread goes to another ClickHouse node. Not thread-safe: belongs to its thread.
class NodeScope
{
public:
    /// `host` is the configured name or address, `interface` CHMTLS_INTERFACE_*.
    NodeScope(std::string host, uint32_t interface);
    ~NodeScope();
    NodeScope(const NodeScope &) = delete;
    NodeScope & operator=(const NodeScope &) = delete;

    /// The scope of this thread, or null.
    static const NodeScope * current() noexcept;

    const std::string & host() const noexcept { return host_; }
    uint32_t interface() const noexcept { return interface_; }

private:
    std::string host_;
    uint32_t interface_;
    const NodeScope * outer_;
};

}
