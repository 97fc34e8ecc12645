#include "farewell.h"

#include <array>

namespace chmtls::gateway
{

Farewell::Farewell(std::unique_ptr<End> end, std::string words)
    : end_(std::move(end)), words_(std::move(words)), limit_(end_->socket().get_executor())
{
}

void Farewell::say(std::unique_ptr<End> end, std::string words, std::chrono::milliseconds limit)
{
    const auto farewell = std::make_shared<Farewell>(std::move(end), std::move(words));
    farewell->limit_.expires_after(limit);
    farewell->limit_.async_wait(
        [farewell](const ErrorCode & error)
        {
            if (!error)
                farewell->end_->close();
        });
    farewell->run();
}

void Farewell::run()
{
    if (written() && gone())
    {
        limit_.cancel();
        end_->close();
    }
}

// False: waits.
bool Farewell::written()
{
    while (sent_ < words_.size())
    {
        const auto moved = end_->write(
            {reinterpret_cast<const uint8_t *>(words_.data()) + sent_, words_.size() - sent_}); // NOLINT: bytes are bytes
        if (moved.state == Io::wants_read || moved.state == Io::wants_write)
        {
            wait(moved.state);
            return false;
        }
        if (moved.state != Io::done)
            return true;
        sent_ += moved.bytes;
    }
    if (!finished_)
    {
        const auto state = end_->finish();
        if (state == Io::wants_read || state == Io::wants_write)
        {
            wait(state);
            return false;
        }
        finished_ = true;
    }
    return true;
}

bool Farewell::gone()
{
    std::array<uint8_t, 4096> dropped{};
    for (int reads = 0; reads < 64; ++reads)
    {
        const auto moved = end_->read(dropped);
        if (moved.state == Io::ended || moved.state == Io::failed)
            return true;
        if (moved.state != Io::done)
        {
            wait(moved.state);
            return false;
        }
    }
    return true; // it does not listen
}

void Farewell::wait(Io what)
{
    end_->socket().async_wait(
        what == Io::wants_write ? tcp::socket::wait_write : tcp::socket::wait_read,
        [self = shared_from_this()](const ErrorCode & error)
        {
            if (!error)
                self->run();
        });
}

}
