#include "log.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <utility>

#include <unistd.h>

namespace chmtls::gateway
{
namespace
{

std::atomic<Level> least_written{Level::information};

constexpr std::chrono::minutes period{1};
constexpr size_t lines_a_period = 20;

/// What was said of strangers since a period began.
struct Strangers
{
    std::mutex mutex;
    std::chrono::steady_clock::time_point began{};
    size_t lines = 0;
    size_t left_out = 0;
};

Strangers strangers;

/// Whether the line may be written, and how many were not in the period that has ended.
bool may_say(size_t & left_out)
{
    const std::lock_guard lock(strangers.mutex);
    const auto now = std::chrono::steady_clock::now();
    if (now - strangers.began >= period)
    {
        left_out = std::exchange(strangers.left_out, 0);
        strangers.began = now;
        strangers.lines = 0;
    }
    if (strangers.lines == lines_a_period)
        ++strangers.left_out;
    else
        ++strangers.lines;
    return strangers.left_out == 0;
}

std::string_view word_of(Level level)
{
    switch (level)
    {
    case Level::error:
        return "error";
    case Level::warning:
        return "warning";
    case Level::information:
        return "information";
    case Level::debug:
        return "debug";
    }
    return "error";
}

std::string prefix_of(Level level)
{
    static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    if (journal)
        return "<" + std::to_string(static_cast<int>(level)) + ">";
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 32> time{};
    std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%SZ ", &parts);
    return std::string(time.data()).append(word_of(level)).append(": ");
}

void append_printable(std::string & out, std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : text)
    {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f)
            out.push_back(c);
        else
            out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
}

}

void set_level(Level least) noexcept
{
    least_written = least;
}

void say(Level level, std::string_view text) noexcept
{
    if (level > least_written)
        return;
    try
    {
        auto line = prefix_of(level);
        append_printable(line, text);
        line.push_back('\n');
        // One write: lines of several threads do not mix.
        const auto written = ::write(STDERR_FILENO, line.data(), line.size());
        static_cast<void>(written);
    }
    catch (...) // out of memory
    {
    }
}

void say_of_strangers(Level level, std::string_view text) noexcept
{
    if (level > least_written)
        return;
    try
    {
        size_t left_out = 0;
        const bool may = may_say(left_out);
        if (left_out != 0)
            say(level, std::to_string(left_out) + " lines on connections that failed were left out");
        if (may)
            say(level, text);
    }
    catch (...) // out of memory
    {
    }
}

}
