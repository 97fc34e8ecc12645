#include <gtest/gtest.h>

#include "base/time.h"

using namespace chmtls;
using std::chrono::seconds;

struct TimeCase
{
    const char * name;
    const char * text;
    std::optional<int64_t> value;
};

static std::string name_of(const testing::TestParamInfo<TimeCase> & info)
{
    return info.param.name;
}

class Rfc3339 : public testing::TestWithParam<TimeCase>
{
};

TEST_P(Rfc3339, IsReadOrRefused)
{
    const auto result = parse_rfc3339(GetParam().text);
    ASSERT_EQ(result.has_value(), GetParam().value.has_value());
    EXPECT_EQ(result.value_or(UnixTime()).time_since_epoch().count(), GetParam().value.value_or(0));
    EXPECT_TRUE(result.has_value() || !result.error().remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, Rfc3339,
    testing::Values(
        TimeCase{"epoch", "1970-01-01T00:00:00Z", 0}, TimeCase{"usual", "2026-01-31T12:00:00Z", 1769860800},
        TimeCase{"lower_case", "2026-01-31t12:00:00z", 1769860800},
        TimeCase{"offset_east", "2026-01-31T14:30:00+02:30", 1769860800},
        TimeCase{"offset_west", "2026-01-31T07:00:00-05:00", 1769860800},
        TimeCase{"fraction_is_cut", "2026-01-31T12:00:00.999Z", 1769860800},
        TimeCase{"leap_day", "2024-02-29T00:00:00Z", 1709164800}, TimeCase{"leap_second", "2016-12-31T23:59:60Z", 1483228800},
        TimeCase{"before_epoch", "1969-12-31T23:59:59Z", -1}, TimeCase{"far_future", "9999-12-31T23:59:59Z", 253402300799},
        TimeCase{"no_leap_day", "2023-02-29T00:00:00Z", {}}, TimeCase{"month_13", "2026-13-01T00:00:00Z", {}},
        TimeCase{"day_0", "2026-01-00T00:00:00Z", {}}, TimeCase{"hour_24", "2026-01-31T24:00:00Z", {}},
        TimeCase{"minute_60", "2026-01-31T12:60:00Z", {}}, TimeCase{"second_61", "2026-01-31T12:00:61Z", {}},
        TimeCase{"no_zone", "2026-01-31T12:00:00", {}}, TimeCase{"offset_without_colon", "2026-01-31T12:00:00+0200", {}},
        TimeCase{"offset_too_large", "2026-01-31T12:00:00+24:00", {}}, TimeCase{"empty_fraction", "2026-01-31T12:00:00.Z", {}},
        TimeCase{"date_only", "2026-01-31", {}}, TimeCase{"text_behind", "2026-01-31T12:00:00Z ", {}},
        TimeCase{"sign_in_year", "-026-01-31T12:00:00Z", {}}, TimeCase{"empty", "", {}}),
    name_of);

TEST(Rfc3339Format, IsReadBack)
{
    for (const int64_t value : {int64_t{0}, int64_t{1769860800}, int64_t{-1}, int64_t{253402300799}})
        EXPECT_EQ(parse_rfc3339(format_rfc3339(UnixTime(seconds(value)))).value().time_since_epoch().count(), value);
    EXPECT_EQ(format_rfc3339(UnixTime(seconds(1769860800))), "2026-01-31T12:00:00Z");
}

class Duration : public testing::TestWithParam<TimeCase>
{
};

TEST_P(Duration, IsReadOrRefused)
{
    const auto result = parse_duration(GetParam().text);
    ASSERT_EQ(result.has_value(), GetParam().value.has_value());
    EXPECT_EQ(result.value_or(seconds(0)).count(), GetParam().value.value_or(0));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Duration,
    testing::Values(
        TimeCase{"bare", "90", 90}, TimeCase{"seconds", "90s", 90}, TimeCase{"minutes", "5m", 300}, TimeCase{"hours", "1h", 3600},
        TimeCase{"days", "30d", 2592000}, TimeCase{"negative", "-1h", -3600}, TimeCase{"zero", "0", 0},
        TimeCase{"unknown_unit", "1w", {}}, TimeCase{"unit_only", "s", {}}, TimeCase{"empty", "", {}},
        TimeCase{"fraction", "1.5h", {}}, TimeCase{"blank", "1 h", {}}, TimeCase{"plus", "+1h", {}},
        TimeCase{"two_parts", "1h30m", {}}, TimeCase{"overflow", "99999999999999999999", {}},
        TimeCase{"overflow_by_unit", "9223372036854775807d", {}}, TimeCase{"beyond_a_thousand_years", "400000d", {}}),
    name_of);
