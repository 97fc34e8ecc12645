#pragma once

// Bytes from one end to the other, both ways, unchanged.

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "end.h"

namespace chmtls::gateway
{

/// Where bytes rest between being read and written; one for all connections of a thread. What cannot be written at once is
/// moved into the connection's own memory, so idle connections hold none.
using Scratch = std::array<uint8_t, 65536>;

/// One direction: reads only when nothing waits to be written, so at most one Scratch of it is ever held.
class Pipe
{
public:
    Pipe(End & from, End & to) : from_(from), to_(to) {}

    enum class State : uint8_t
    {
        progressed, ///< call again
        waits_from, ///< for what `wait` says, of the end it reads from
        waits_to,   ///< likewise, of the end it writes to
        finished,   ///< the end of the stream was passed on
        failed,
    };

    State step(Scratch & scratch);
    /// What step waits for: Io::wants_read or Io::wants_write.
    [[nodiscard]] Io wait() const { return wait_; }
    [[nodiscard]] bool finished() const { return finished_; }
    [[nodiscard]] End & from() const { return from_; }
    [[nodiscard]] End & to() const { return to_; }

    /// Bytes that go first. Before the first step.
    void put(std::string_view bytes);

private:
    State fill(Scratch & scratch);
    State drain();
    State write(std::span<const uint8_t> bytes, size_t & written);
    State finish();

    End & from_;
    End & to_;
    std::vector<uint8_t> pending_;
    size_t sent_ = 0; // of pending_
    Io wait_ = Io::wants_read;
    bool ended_ = false;
    bool finished_ = false;
};

/// Both directions, until both are finished or one fails. One thread.
class Relay : public std::enable_shared_from_this<Relay>
{
public:
    /// Why it ended; a literal.
    using Ended = std::function<void(std::string_view)>;

    Relay(std::unique_ptr<End> near, std::unique_ptr<End> far, Scratch & scratch, std::chrono::milliseconds half_closed);

    /// `first` goes to the far end before what the near one sends. `ended` is called once, from the event loop, unless `stop`
    /// was.
    void start(std::string_view first, Ended ended);
    /// Ends both connections once nothing has moved for a second. (A server that works on a query tells its progress more often.)
    void end_when_quiet();
    /// Ends both connections now.
    void stop() noexcept;

private:
    void run(Pipe & pipe);
    void wait(Pipe & pipe, tcp::socket & socket);
    void watch_silence();
    void end(std::string_view why, bool clean);

    std::unique_ptr<End> near_;
    std::unique_ptr<End> far_;
    Scratch & scratch_;
    const std::chrono::milliseconds half_closed_;
    Pipe forth_;
    Pipe back_;
    asio::steady_timer silence_;
    asio::steady_timer quiet_;
    std::chrono::steady_clock::time_point moved_;
    Ended ended_;
    bool over_ = false;
    bool watching_ = false;
};

}
