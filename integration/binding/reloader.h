#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace chmtls::debian
{

/// The host's own thread for reloads: the module says on its thread that a file changed, and must not be kept waiting.
class Reloader
{
public:
    /// `reload` reads the server's configuration again. `retry` tries a refused one again and returns whether nothing is left to
    /// try. Both are called on the thread of this object only; when one throws, it is called again after a while.
    Reloader(std::function<void()> reload, std::function<bool()> retry);
    ~Reloader();
    Reloader(const Reloader &) = delete;
    Reloader & operator=(const Reloader &) = delete;

    /// The server's own reloading is ready to be used: requests made so far are served now. Idempotent.
    void start();
    /// The server is about to take its reloading down. Waits for a reload that is under way; none follows. Idempotent.
    void stop();

    void request_reload(); ///< Returns at once. Requests that come together are served together.
    void request_retry();  ///< Returns at once. Tries after 0.5 s, then twice as long each time, up to 30 s.

private:
    void run();

    std::function<void()> reload_;
    std::function<bool()> retry_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool reload_wanted_ = false;
    bool stopping_ = false;
    bool started_ = false;
    uint64_t retry_requests_ = 0;
    std::chrono::milliseconds retry_delay_{0}; // 0: nothing to retry
    std::chrono::steady_clock::time_point retry_at_;
    std::thread thread_;
};

}
