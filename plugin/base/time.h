#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.h"

namespace chmtls
{

using UnixTime = std::chrono::sys_seconds;

/// Where the current time comes from; tests give their own.
using Clock = std::function<UnixTime()>;

[[nodiscard]] UnixTime system_time();

/// RFC 3339, UTC, whole seconds: "2026-01-31T12:00:00Z".
[[nodiscard]] std::string format_rfc3339(UnixTime time);

/// RFC 3339 with 'Z' or a numeric offset; fractions of a second are cut.
[[nodiscard]] Result<UnixTime> parse_rfc3339(const std::string & text);

/// "90s", "5m", "1h", "30d", or a bare number of seconds. Negative values allowed ("-1h").
[[nodiscard]] Result<std::chrono::seconds> parse_duration(const std::string & text);

}
