#pragma once

#include <string_view>

namespace chmtls::gateway
{

/// Of one line; the numbers are syslog's, which journald reads from the line's front.
enum class Level : int
{
    error = 3,
    warning = 4,
    information = 6,
    debug = 7,
};

/// What is less than this is not written. Any thread.
void set_level(Level least) noexcept;

/// One line on standard error, whatever the text holds: control characters are shown as \xNN. Under systemd the line begins with
/// its level (sd-daemon(3)), elsewhere with the time. Thread-safe; never throws, a line that cannot be written is lost.
void say(Level level, std::string_view text) noexcept;

/// For what any stranger can cause as often as he likes: twenty lines a minute of all such, then their number. Likewise
/// otherwise.
void say_of_strangers(Level level, std::string_view text) noexcept;

}
