#pragma once

// Connections that have not come as far as a login: each has a deadline, whatever drips, and there are only so many of them, from
// one address and in all. Knows descriptors, no protocol.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include <binding/descriptor.h>

namespace chmtls::host
{

/// Thread-safe. A connection is ended by shutting down a duplicate of its descriptor: its own thread finds the end of the stream,
/// and a number that was used again for another connection is never hit.
///
/// Who is one too many from its address ends the oldest of that address; who is one too many in all ends the oldest of the
/// address that has most. Those who have said nothing whole so far go first. So those who hold many, or let it drip, end each
/// other, and somebody else's handshake goes through.
class Unfinished
{
public:
    using Clock = std::chrono::steady_clock;

    struct Limits
    {
        std::chrono::milliseconds timeout{10'000};
        size_t total = 512;
        size_t per_address = 128;
    };

    /// How many were ended for which reason since the last report, and the address that the last one came from.
    struct Report
    {
        uint64_t at_deadline = 0;
        uint64_t of_address = 0;
        uint64_t of_total = 0;
        std::string address;

        [[nodiscard]] bool empty() const noexcept { return at_deadline + of_address + of_total == 0; }
    };

    /// A connection that has proved nothing so far counts; one that somebody has logged in on, and which waits for its next
    /// request, has a deadline only.
    enum class Counted
    {
        yes,
        no,
    };

    /// `report` is called by a thread of this object: at once for the first, then once in `between_reports` at most.
    /// `start_thread` makes the thread, which the host may want to prepare.
    Unfinished(
        std::function<void(const Report &)> report, const std::function<std::thread(std::function<void()>)> & start_thread);
    ~Unfinished();
    Unfinished(const Unfinished &) = delete;
    Unfinished & operator=(const Unfinished &) = delete;

    static constexpr std::chrono::seconds between_reports{10};

    /// Of connections that begin from now on.
    void set_limits(const Limits & limits);
    [[nodiscard]] Limits limits() const;

    /// It has been accepted, or begins to wait again, for `timeout` at most (nothing: the limits'). Its number, or 0: there is no
    /// descriptor left to watch it with, and it must be closed.
    [[nodiscard]] uint64_t begin(
        int descriptor, const std::string & address, Counted counted = Counted::yes,
        std::optional<std::chrono::milliseconds> timeout = std::nullopt);

    /// The number that the last begin for this descriptor gave, once; 0: there is none. For who takes an accepted connection
    /// over, while it is open.
    [[nodiscard]] uint64_t claim(int descriptor) noexcept;

    /// It has said something whole: a ClientHello. Nothing happens when it is not waiting any more.
    void advance(uint64_t number) noexcept;

    /// It has come as far as a login, or is closed. Nothing happens when it is not waiting any more.
    void end(uint64_t number) noexcept;

    [[nodiscard]] size_t count() const;

private:
    struct Entry
    {
        int descriptor = -1; ///< the connection's own
        Descriptor duplicate;
        std::string address;
        Counted counted = Counted::yes;
        Clock::time_point deadline;
    };

    /// Numbers of those that count; the lowest is the oldest.
    struct Held
    {
        std::set<uint64_t> silent;
        std::set<uint64_t> advanced;

        [[nodiscard]] size_t size() const noexcept { return silent.size() + advanced.size(); }
        [[nodiscard]] uint64_t first_to_go() const { return silent.empty() ? *advanced.begin() : *silent.begin(); }
    };

    using Entries = std::unordered_map<uint64_t, Entry>; ///< by number

    void run();
    void put(uint64_t number, Entry entry);
    void make_room(const std::string & address);
    [[nodiscard]] const Held & who_has_most() const;
    void shut_down(Entries::iterator entry, uint64_t Report::*reason);
    void forget(Entries::iterator entry) noexcept;

    const std::function<void(const Report &)> report_;
    mutable std::mutex mutex_; ///< guards all that follows
    std::condition_variable wake_;
    Limits limits_;
    uint64_t last_number_ = 0;
    size_t counted_ = 0;
    Entries entries_;
    std::unordered_map<int, uint64_t> unclaimed_; ///< by descriptor
    std::set<std::pair<Clock::time_point, uint64_t>> deadlines_;
    std::map<std::string, Held> by_address_;
    Report pending_;
    bool stopping_ = false;
    std::thread thread_; ///< last: everything above exists before it starts
};

}
