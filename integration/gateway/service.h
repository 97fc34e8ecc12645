#pragma once

// What makes a process a good service: sockets that systemd holds, news for systemd, no core with keys, all descriptors there
// are.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "address.h"

namespace chmtls::gateway
{

/// Listening sockets that were handed over at the start (sd_listen_fds(3)). Those nobody takes are closed with the object.
class InheritedSockets
{
public:
    InheritedSockets() = default;
    ~InheritedSockets();
    InheritedSockets(const InheritedSockets &) = delete;
    InheritedSockets & operator=(const InheritedSockets &) = delete;

    /// Finds them, and hides them from children. Once, before threads are made.
    void collect();
    /// The descriptor of a socket that listens at this very address; it is the caller's then.
    std::optional<int> take(const HostPort & address);
    [[nodiscard]] size_t size() const { return sockets_.size(); }

private:
    std::vector<std::pair<HostPort, int>> sockets_;
};

/// Tells systemd (sd_notify(3)); nothing happens when it does not listen. Any thread.
void notify_service(std::string_view state) noexcept;

/// "RELOADING=1" with the time that goes with it.
void notify_reloading() noexcept;

/// Half of the time within which systemd wants to hear WATCHDOG=1; nothing: it does not.
std::optional<uint64_t> watchdog_microseconds();

/// No core, no ptrace by others of the same user: the memory holds keys. Failures are not worth a stop.
void forbid_cores() noexcept;

/// Raises the limit of open descriptors as far as it goes, and returns it.
uint64_t raise_descriptor_limit() noexcept;

}
