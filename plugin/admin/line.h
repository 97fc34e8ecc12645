#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace chmtls::admin
{

using Deadline = std::chrono::steady_clock::time_point;

/// One line from a non-blocking socket, without its end. Nothing when it is longer than `most`, or the peer ends or the time is
/// over before the line does.
[[nodiscard]] std::optional<std::string> read_line(int socket, size_t most, Deadline deadline);

/// The line and its end; false when it could not be written in time.
[[nodiscard]] bool write_line(int socket, std::string_view line, Deadline deadline);

}
