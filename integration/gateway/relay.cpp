#include "relay.h"

#include <algorithm>

namespace chmtls::gateway
{
namespace
{

/// So much in a row, then others of the thread have their turn.
constexpr int steps_in_a_row = 16;
constexpr std::chrono::milliseconds quiet_for{1000};

}

void Pipe::put(std::string_view bytes)
{
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

Pipe::State Pipe::step(Scratch & scratch)
{
    if (finished_)
        return State::finished;
    if (sent_ < pending_.size())
        return drain();
    return ended_ ? finish() : fill(scratch);
}

Pipe::State Pipe::fill(Scratch & scratch)
{
    const auto got = from_.read(scratch);
    switch (got.state)
    {
    case Io::done:
        break;
    case Io::ended:
        ended_ = true;
        return State::progressed;
    case Io::failed:
        return State::failed;
    default:
        wait_ = got.state;
        return State::waits_from;
    }
    const std::span<const uint8_t> bytes(scratch.data(), got.bytes);
    size_t written = 0;
    const auto state = write(bytes, written);
    if (state == State::waits_to)
        pending_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(written), bytes.end());
    return state;
}

Pipe::State Pipe::drain()
{
    size_t written = 0;
    const auto state = write(std::span<const uint8_t>(pending_).subspan(sent_), written);
    sent_ += written;
    if (sent_ == pending_.size())
    {
        std::vector<uint8_t>().swap(pending_);
        sent_ = 0;
    }
    return state;
}

Pipe::State Pipe::write(std::span<const uint8_t> bytes, size_t & written)
{
    while (written < bytes.size())
    {
        const auto moved = to_.write(bytes.subspan(written));
        if (moved.state == Io::done)
        {
            written += moved.bytes;
            continue;
        }
        if (moved.state != Io::wants_read && moved.state != Io::wants_write)
            return State::failed;
        wait_ = moved.state;
        return State::waits_to;
    }
    return State::progressed;
}

Pipe::State Pipe::finish()
{
    const auto state = to_.finish();
    if (state == Io::wants_read || state == Io::wants_write)
    {
        wait_ = state;
        return State::waits_to;
    }
    finished_ = state == Io::done;
    return finished_ ? State::finished : State::failed;
}

Relay::Relay(std::unique_ptr<End> near, std::unique_ptr<End> far, Scratch & scratch, std::chrono::milliseconds half_closed)
    : near_(std::move(near)), far_(std::move(far)), scratch_(scratch), half_closed_(half_closed), forth_(*near_, *far_),
      back_(*far_, *near_), silence_(near_->socket().get_executor()), quiet_(near_->socket().get_executor())
{
}

void Relay::start(std::string_view first, Ended ended)
{
    ended_ = std::move(ended);
    forth_.put(first);
    asio::post(
        near_->socket().get_executor(),
        [self = shared_from_this()]
        {
            self->run(self->forth_);
            self->run(self->back_);
        });
}

void Relay::stop() noexcept
{
    over_ = true;
    ended_ = nullptr;
    silence_.cancel();
    quiet_.cancel();
    near_->abort();
    far_->abort();
}

void Relay::run(Pipe & pipe)
{
    for (int steps = 0; !over_ && !pipe.finished() && steps < steps_in_a_row; ++steps)
    {
        switch (pipe.step(scratch_))
        {
        case Pipe::State::progressed:
            moved_ = std::chrono::steady_clock::now();
            continue;
        case Pipe::State::waits_from:
            return wait(pipe, pipe.from().socket());
        case Pipe::State::waits_to:
            return wait(pipe, pipe.to().socket());
        case Pipe::State::finished:
            if (forth_.finished() && back_.finished())
                return end("both sides have ended", true);
            return watch_silence();
        case Pipe::State::failed:
            return end(
                &pipe == &forth_ ? "the client's connection or the way to the server broke off"
                                 : "the server's connection or the way to the client broke off",
                false);
        }
    }
    if (!over_ && !pipe.finished())
        asio::post(near_->socket().get_executor(), [self = shared_from_this(), &pipe] { self->run(pipe); });
}

void Relay::wait(Pipe & pipe, tcp::socket & socket)
{
    const auto what = pipe.wait() == Io::wants_write ? tcp::socket::wait_write : tcp::socket::wait_read;
    socket.async_wait(
        what,
        [self = shared_from_this(), &pipe](const ErrorCode & error)
        {
            if (!error)
                self->run(pipe);
        });
}

// One side has ended. The other may go on as long as it has something to say.
void Relay::watch_silence()
{
    if (watching_)
        return;
    watching_ = true;
    silence_.expires_at(moved_ + half_closed_);
    silence_.async_wait(
        [self = shared_from_this()](const ErrorCode & error)
        {
            if (error || self->over_)
                return;
            self->watching_ = false;
            if (std::chrono::steady_clock::now() >= self->moved_ + self->half_closed_)
                self->end("one side had ended, and the other was silent (timeouts.half_closed)", false);
            else
                self->watch_silence();
        });
}

void Relay::end_when_quiet()
{
    quiet_.expires_at(std::max(moved_ + quiet_for, std::chrono::steady_clock::now()));
    quiet_.async_wait(
        [self = shared_from_this()](const ErrorCode & error)
        {
            if (error || self->over_)
                return;
            if (std::chrono::steady_clock::now() >= self->moved_ + quiet_for)
                self->end("the gateway ends", true);
            else
                self->end_when_quiet();
        });
}

void Relay::end(std::string_view why, bool clean)
{
    if (over_)
        return;
    const auto ended = std::move(ended_);
    if (clean)
    {
        over_ = true;
        silence_.cancel();
        quiet_.cancel();
        near_->close();
        far_->close();
    }
    else
        stop();
    if (ended)
        ended(why);
}

}
