#include "base/time.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace chmtls
{

namespace
{

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/// Reads fixed-width fields from the front; every step fails for good once one has failed.
class Scanner
{
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    int digits(size_t count)
    {
        if (rest_.size() < count)
            return reject();
        int value = 0;
        for (const char c : rest_.substr(0, count))
        {
            if (!is_digit(c))
                return reject();
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }

    char one_of(std::string_view allowed)
    {
        if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos)
        {
            reject();
            return '\0';
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void skip_fraction()
    {
        if (rest_.empty() || rest_.front() != '.')
            return;
        rest_.remove_prefix(1);
        if (rest_.empty() || !is_digit(rest_.front()))
            reject();
        while (!rest_.empty() && is_digit(rest_.front()))
            rest_.remove_prefix(1);
    }

    [[nodiscard]] bool complete() const { return good_ && rest_.empty(); }

private:
    int reject()
    {
        good_ = false;
        return 0;
    }

    std::string_view rest_;
    bool good_ = true;
};

tl::unexpected<Error> bad(const std::string & text, std::string reason, std::string remedy)
{
    return fail({.file = {}, .field = printable(text, 64), .reason = std::move(reason), .remedy = std::move(remedy), .code = {}});
}

}

UnixTime system_time()
{
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string format_rfc3339(UnixTime time)
{
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    return fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<UnixTime> parse_rfc3339(const std::string & text)
{
    Scanner scan(text);
    const int year = scan.digits(4);
    scan.one_of("-");
    const int month = scan.digits(2);
    scan.one_of("-");
    const int day = scan.digits(2);
    scan.one_of("Tt ");
    const int hour = scan.digits(2);
    scan.one_of(":");
    const int minute = scan.digits(2);
    scan.one_of(":");
    const int second = scan.digits(2);
    scan.skip_fraction();
    const char zone = scan.one_of("Zz+-");
    int zone_minutes = 0;
    if (zone == '+' || zone == '-')
    {
        const int zone_hour = scan.digits(2);
        scan.one_of(":");
        const int zone_minute = scan.digits(2);
        if (zone_hour > 23 || zone_minute > 59)
            return bad(text, "is no time zone", "write RFC 3339, for example 2026-01-31T12:00:00Z");
        zone_minutes = (zone_hour * 60 + zone_minute) * (zone == '-' ? -1 : 1);
    }
    const std::chrono::year_month_day date{
        std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)), std::chrono::day(static_cast<unsigned>(day))};
    // A leap second (:60) is the second after :59, RFC 3339 5.6.
    if (!scan.complete() || !date.ok() || hour > 23 || minute > 59 || second > 60)
        return bad(text, "is no date and time", "write RFC 3339, for example 2026-01-31T12:00:00Z");
    return UnixTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute - zone_minutes)
           + std::chrono::seconds(second);
}

Result<std::chrono::seconds> parse_duration(const std::string & text)
{
    const char * const end = text.data() + text.size();
    int64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    std::optional<int64_t> factor;
    if (error == std::errc())
    {
        const std::string_view unit(rest, static_cast<size_t>(end - rest));
        if (unit.empty() || unit == "s")
            factor = 1;
        else if (unit == "m")
            factor = 60;
        else if (unit == "h")
            factor = 3600;
        else if (unit == "d")
            factor = 86400;
    }
    if (!factor)
        return bad(text, "is no duration", "write a number with s, m, h or d, for example 90s or 30d");
    // A thousand years is beyond every use and keeps sums with points in time inside their type.
    constexpr int64_t most = int64_t{86400} * 366 * 1000;
    if (number > most / *factor || number < -(most / *factor))
        return bad(text, "is too long", "give a duration below a thousand years");
    return std::chrono::seconds(number * *factor);
}

}
