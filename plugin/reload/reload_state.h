#pragma once

// What has become of the reloads so far, for who asks.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/time.h"

namespace chmtls::generation
{

struct ReloadState
{
    uint64_t reloads = 0;   ///< published after the first
    uint64_t failures = 0;  ///< attempts that changed nothing
    std::string last_error; ///< empty: the files on disk are what is in force
    UnixTime last_success{};
    std::optional<UnixTime> failing_since; ///< there whenever last_error is
};

/// The files of the configuration in force and a configuration that was refused fail apart from each other; the files come first.
/// Thread-safe.
class ReloadRecord
{
public:
    void published(bool is_first, UnixTime loaded_at) noexcept
    {
        const std::lock_guard guard(mutex_);
        state_.last_success = loaded_at;
        state_.reloads += is_first ? 0 : 1;
    }

    void reload_failed(const std::string & cause, UnixTime now)
    {
        const std::lock_guard guard(mutex_);
        ++state_.failures;
        state_.last_error = cause;
        if (!state_.failing_since)
            state_.failing_since = now;
    }

    void files_in_order() noexcept
    {
        const std::lock_guard guard(mutex_);
        state_.last_error.clear();
        state_.failing_since.reset();
    }

    void configuration_refused(const std::string & cause, UnixTime now)
    {
        const std::lock_guard guard(mutex_);
        ++state_.failures;
        configuration_error_ = cause;
        if (!refused_since_)
            refused_since_ = now;
    }

    void configuration_taken() noexcept
    {
        const std::lock_guard guard(mutex_);
        configuration_error_.clear();
        refused_since_.reset();
    }

    [[nodiscard]] ReloadState state() const
    {
        const std::lock_guard guard(mutex_);
        ReloadState result = state_;
        if (result.last_error.empty())
        {
            result.last_error = configuration_error_;
            result.failing_since = refused_since_;
        }
        return result;
    }

private:
    mutable std::mutex mutex_;
    ReloadState state_;
    std::string configuration_error_;
    std::optional<UnixTime> refused_since_; ///< there as long as configuration_error_ is
};

}
