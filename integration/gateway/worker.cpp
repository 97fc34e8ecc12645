#include "worker.h"

#include <exception>

#include "log.h"

namespace chmtls::gateway
{

void Worker::start()
{
    work_.emplace(io_.get_executor());
    thread_ = std::thread([this] { run(); });
}

void Worker::stop()
{
    if (!thread_.joinable())
        return;
    post(
        [this]
        {
            for (const auto & session : sessions())
                session->end("the gateway ends");
            io_.stop();
        });
    thread_.join();
}

// A handler that throws, for want of memory, loses what it held, that is its connection, and no other.
void Worker::run()
{
    for (;;)
    {
        try
        {
            io_.run();
            return;
        }
        catch (const std::exception & exception)
        {
            say(Level::error, std::string("a connection was given up: ") + exception.what());
        }
    }
}

uint64_t Worker::add(const std::shared_ptr<Session> & session)
{
    const auto token = (static_cast<uint64_t>(index_) << 48) | ++last_;
    sessions_.emplace(token, session);
    return token;
}

void Worker::remove(uint64_t token)
{
    sessions_.erase(token);
}

std::shared_ptr<Session> Worker::find(uint64_t token) const
{
    const auto found = sessions_.find(token);
    return found == sessions_.end() ? nullptr : found->second.lock();
}

std::vector<std::shared_ptr<Session>> Worker::sessions() const
{
    std::vector<std::shared_ptr<Session>> all;
    for (const auto & [token, session] : sessions_)
        if (auto live = session.lock())
            all.push_back(std::move(live));
    return all;
}

}
