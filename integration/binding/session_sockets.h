#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include <binding/descriptor.h>

namespace chmtls::debian
{

/// Sockets of watched sessions, by the token that the module knows them by; and of TLS connections whose peer proved nothing, of
/// which the module knows nothing: what let them in may be changed as well. Each entry is a duplicate of the connection's
/// descriptor: the server may close its own at any time and the number may come back for another connection, but shutting down
/// the duplicate always means the same connection. Thread-safe.
class SessionSockets
{
public:
    SessionSockets() = default;
    SessionSockets(const SessionSockets &) = delete;
    SessionSockets & operator=(const SessionSockets &) = delete;

    /// A new token, or 0 when the process is out of descriptors: a session that cannot be ended must not begin.
    uint64_t add(int descriptor);

    /// To be asked before the handshake, for add_unproven.
    uint64_t policy() const noexcept { return policy_.load(); }
    /// Likewise, of a connection without an identity. Also 0 when the policy has changed since.
    uint64_t add_unproven(int descriptor, uint64_t policy);
    /// Another policy: shuts down all connections without an identity, which must show themselves anew. How many.
    size_t shut_down_unproven();

    void remove(uint64_t token);

    /// Shuts the connection down in both directions; its own thread then finds the end of the stream. False: no such session.
    bool shut_down(uint64_t token);

private:
    std::mutex mutex_;
    uint64_t last_token_ = 0;
    std::unordered_map<uint64_t, host::Descriptor> descriptors_;
    std::unordered_set<uint64_t> unproven_;
    std::atomic<uint64_t> policy_{0}; // changed under the mutex
};

}
