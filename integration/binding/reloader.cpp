#include <binding/reloader.h>

#include <algorithm>

#include <binding/quiet_thread.h>

namespace chmtls::debian
{

namespace
{

constexpr std::chrono::milliseconds no_retry{0};
constexpr std::chrono::milliseconds first_retry{500};
constexpr std::chrono::milliseconds last_retry{30000};

/// False: not done, or not to its end. An exception would end the server.
template <class Attempt>
bool done_by(const Attempt & attempt) noexcept
{
    try
    {
        return attempt();
    }
    catch (...)
    {
        return false;
    }
}

}

Reloader::Reloader(std::function<void()> reload, std::function<bool()> retry)
    : reload_(std::move(reload)), retry_(std::move(retry))
{
}

Reloader::~Reloader()
{
    stop();
}

void Reloader::start()
{
    const std::lock_guard lock(mutex_);
    if (started_ || stopping_)
        return;
    started_ = true;
    thread_ = quiet_thread([this] { run(); });
}

void Reloader::stop()
{
    std::thread thread;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
    }
    wake_.notify_all();
    if (thread.joinable())
        thread.join();
}

void Reloader::request_reload()
{
    {
        const std::lock_guard lock(mutex_);
        reload_wanted_ = true;
    }
    wake_.notify_all();
}

void Reloader::request_retry()
{
    {
        const std::lock_guard lock(mutex_);
        ++retry_requests_;
        if (retry_delay_ > no_retry)
            return; // under way; the retry itself may be what fails again
        retry_delay_ = first_retry;
        retry_at_ = std::chrono::steady_clock::now() + retry_delay_;
    }
    wake_.notify_all();
}

void Reloader::run()
{
    std::unique_lock lock(mutex_);
    while (!stopping_)
    {
        const auto now = std::chrono::steady_clock::now();
        if (reload_wanted_)
        {
            reload_wanted_ = false;
            lock.unlock();
            const bool done = done_by(
                [this]
                {
                    reload_();
                    return true;
                });
            lock.lock();
            if (!done && !stopping_)
            {
                reload_wanted_ = true;
                wake_.wait_for(lock, first_retry);
            }
        }
        else if (retry_delay_ > no_retry && now >= retry_at_)
        {
            const auto requests = retry_requests_;
            lock.unlock();
            const bool done = done_by(retry_);
            lock.lock();
            // A request that came meanwhile may be about something that this attempt did not see.
            if (done && requests == retry_requests_)
                retry_delay_ = no_retry;
            else
                retry_delay_ = std::min(retry_delay_ * 2, last_retry);
            retry_at_ = std::chrono::steady_clock::now() + retry_delay_;
        }
        else if (retry_delay_ > no_retry)
            wake_.wait_until(lock, retry_at_);
        else
            wake_.wait(lock);
    }
}

}
