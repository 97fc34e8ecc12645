#pragma once

// Refusals in the log, few enough that nobody can push others' lines out of it: who is refused again for the same reason is
// counted, and told of once in a while.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "observe/audit.h"

namespace chmtls::observe
{

using SteadyTime = std::chrono::steady_clock::time_point;

/// What makes two refusals equal. The port of the address is not part of it.
struct RefusalKey
{
    std::string event;
    std::string address;
    std::string certificate; ///< fingerprint, or empty
    std::string reason;
    std::string where; ///< listener, and for a login the user that was asked for

    auto operator<=>(const RefusalKey &) const = default;
};

/// "192.0.2.1" of "192.0.2.1:9440", "2001:db8::1" of "[2001:db8::1]:9440".
[[nodiscard]] std::string address_without_port(std::string_view remote);

/// The plain state: it is given the time, and answers which lines are to be written now. Not thread-safe.
///
/// The first of several equal refusals is written at once. Those that follow within `interval` are counted; when it ends the
/// last of them is written with ` repeated=N`. All lines together are limited to `burst`, and then to one each `refill`; at most
/// `max_keys` refusals are told apart. What goes beyond is counted, and written as one line each `interval`: audit
/// event=suppressed, with `count`. So each refusal is in some line or in some count.
class RefusalLines
{
public:
    static constexpr std::chrono::seconds interval{10};
    static constexpr size_t max_keys = 1000;
    static constexpr uint32_t burst = 200;
    static constexpr std::chrono::seconds refill{1};

    [[nodiscard]] std::vector<AuditLine> note(const RefusalKey & key, AuditLine line, SteadyTime now);

    /// What has become due.
    [[nodiscard]] std::vector<AuditLine> due(SteadyTime now);
    /// When `due` has something next; max(): nothing is pending.
    [[nodiscard]] SteadyTime next() const;
    /// All that is pending, due or not: the process ends.
    [[nodiscard]] std::vector<AuditLine> rest();

private:
    struct Row
    {
        SteadyTime until; ///< of the interval that runs
        std::optional<AuditLine> last;
        uint64_t repeated = 0;
    };

    [[nodiscard]] bool take_token(SteadyTime now);
    void suppress(uint64_t count, SteadyTime now);
    [[nodiscard]] AuditLine suppressed_line();

    std::map<RefusalKey, Row> rows_;
    uint32_t tokens_ = burst;
    SteadyTime refilled_{};
    uint64_t suppressed_ = 0;
    SteadyTime suppressed_until_{};
};

/// RefusalLines on the clock, with a thread for what becomes due. Thread-safe.
class RefusalLog
{
public:
    /// `write` must not throw, and is called by any thread, under no lock of a caller's.
    explicit RefusalLog(std::function<void(const AuditLine &)> write);
    ~RefusalLog(); ///< writes what is pending
    RefusalLog(const RefusalLog &) = delete;
    RefusalLog & operator=(const RefusalLog &) = delete;

    void note(const RefusalKey & key, AuditLine line);

private:
    void run();
    void write_all(const std::vector<AuditLine> & lines) const;

    const std::function<void(const AuditLine &)> write_;
    std::mutex mutex_;
    std::condition_variable wake_;
    RefusalLines lines_; ///< under the mutex
    bool stopping_ = false;
    std::thread thread_;
};

}
