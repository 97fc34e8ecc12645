#pragma once

// The server's own records about TLS connections on which nobody has proved anything: each failed handshake writes a stack trace,
// and whoever can connect could rotate a day's log away by it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace chmtls::debian
{

/// Thread-safe; is given the time.
class StrangerRecords
{
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr size_t burst = size_t{256} << 10; ///< bytes
    static constexpr size_t per_second = 4096;
    static constexpr std::chrono::seconds between_reports{10};

    /// May a record of this size be written? If not, it is counted.
    bool admit(size_t size, Time now);

    /// How many were left out since the last report, once in `between_reports` at most.
    std::optional<uint64_t> left_out(Time now);

private:
    std::mutex mutex_;
    size_t tokens_ = burst;
    Time filled_{};
    uint64_t left_out_ = 0;
    Time report_at_{};
};

}
