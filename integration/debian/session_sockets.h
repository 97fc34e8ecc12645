#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace chmtls::debian
{

/// Sockets of watched sessions, by the token that the module knows them by. Each entry is a duplicate of the connection's
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
    void remove(uint64_t token);

    /// Shuts the connection down in both directions; its own thread then finds the end of the stream. False: no such session.
    bool shut_down(uint64_t token);

private:
    std::mutex mutex_;
    uint64_t last_token_ = 0;
    std::unordered_map<uint64_t, int> descriptors_;
};

}
