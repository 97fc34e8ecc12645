#include "names/dns_flusher.h"

#include <utility>

#include <binding/quiet_thread.h>

namespace chmtls::debian
{

DnsFlusher::DnsFlusher(std::function<void(const std::set<std::string> &)> flush) : flush_(std::move(flush)) {}

DnsFlusher::~DnsFlusher()
{
    stop();
}

void DnsFlusher::start()
{
    const std::lock_guard lock(mutex_);
    if (started_ || stopping_)
        return;
    started_ = true;
    thread_ = quiet_thread([this] { run(); });
}

void DnsFlusher::stop()
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

void DnsFlusher::request(const std::string & host)
{
    {
        const std::lock_guard lock(mutex_);
        wanted_.insert(host);
    }
    wake_.notify_all();
}

void DnsFlusher::run()
{
    std::unique_lock lock(mutex_);
    while (!stopping_)
    {
        if (wanted_.empty())
        {
            wake_.wait(lock);
            continue;
        }
        const auto hosts = std::exchange(wanted_, {});
        lock.unlock();
        flush_(hosts);
        lock.lock();
    }
}

}
