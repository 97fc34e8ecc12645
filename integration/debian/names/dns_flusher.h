#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace chmtls::debian
{

/// The host's own thread for flushes: they look names up, and the module must not be kept waiting for that, nor a reload.
class DnsFlusher
{
public:
    /// `flush` gets the hosts asked for; one that is empty means all. Called on the thread of this object only; must not throw.
    explicit DnsFlusher(std::function<void(const std::set<std::string> &)> flush);
    ~DnsFlusher();
    DnsFlusher(const DnsFlusher &) = delete;
    DnsFlusher & operator=(const DnsFlusher &) = delete;

    void start(); ///< Requests made so far are served now. Idempotent.
    void stop();  ///< Waits for a flush that is under way; none follows. Idempotent.

    void request(const std::string & host); ///< Returns at once. Requests that come together are served together.

private:
    void run();

    std::function<void(const std::set<std::string> &)> flush_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::set<std::string> wanted_;
    bool stopping_ = false;
    bool started_ = false;
    std::thread thread_;
};

}
