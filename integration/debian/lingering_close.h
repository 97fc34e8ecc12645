#pragma once

// Closing a connection so that the last word arrives. Who closes a socket that holds unread input resets the connection, and
// whatever the peer has not read yet, a TLS alert for one, may be lost: under TLS 1.3 a client sends its first request before it
// is refused.

#include <chrono>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "event.h"

namespace chmtls::debian
{

/// Holds connections open for reading until their peers have closed them too. Thread-safe; a thread of its own does the waiting.
class LingeringClose
{
public:
    static constexpr size_t most = 256; ///< more than this at a time are closed at once
    static constexpr std::chrono::seconds longest{5};
    static constexpr size_t most_bytes = 64U << 10U; ///< read, and dropped, of one connection

    LingeringClose() = default;
    ~LingeringClose();
    LingeringClose(const LingeringClose &) = delete;
    LingeringClose & operator=(const LingeringClose &) = delete;

    /// Ends the sending of the socket, and keeps a duplicate open. `descriptor` stays the caller's, to be closed.
    void take(int descriptor) noexcept;

private:
    struct Socket
    {
        int descriptor;
        std::chrono::steady_clock::time_point until;
        size_t bytes_left;
    };

    void add(const Socket & socket);
    void run();
    void serve(std::vector<Socket> & sockets) const;

    std::mutex mutex_; // guards what follows
    std::vector<Socket> arriving_;
    size_t held_ = 0;
    bool stopping_ = false;
    Event wake_;
    std::thread thread_; // started with the first
};

}
