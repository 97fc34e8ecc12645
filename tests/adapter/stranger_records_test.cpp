// What the server writes about strangers is bounded, and what is left out is counted.

#include "stranger_records.h"

#include <gtest/gtest.h>

namespace chmtls::debian
{
namespace
{

TEST(StrangerRecords, AFloodIsBoundedAndCounted)
{
    StrangerRecords records;
    StrangerRecords::Time now{std::chrono::hours(1)};
    constexpr size_t size = 5000;
    constexpr int seconds = 600;
    size_t written = 0;
    uint64_t asked = 0;
    uint64_t left_out = 0;
    int reports = 0;
    for (int second = 0; second < seconds; ++second, now += std::chrono::seconds(1))
    {
        for (int i = 0; i < 100; ++i, ++asked)
            written += records.admit(size, now) ? size : 0;
        if (const auto more = records.left_out(now))
        {
            left_out += *more;
            ++reports;
        }
    }
    left_out += records.left_out(now + StrangerRecords::between_reports).value_or(0);
    EXPECT_LE(written, StrangerRecords::burst + seconds * StrangerRecords::per_second);
    EXPECT_GE(written, StrangerRecords::burst);
    EXPECT_EQ(asked, written / size + left_out);
    EXPECT_LE(reports, seconds / StrangerRecords::between_reports.count());
    EXPECT_TRUE(records.admit(size, now + std::chrono::hours(1))) << "the flood is over";
}

TEST(StrangerRecords, FewAreAllWritten)
{
    StrangerRecords records;
    StrangerRecords::Time now{std::chrono::hours(1)};
    for (int i = 0; i < 1000; ++i, now += std::chrono::seconds(2))
        EXPECT_TRUE(records.admit(5000, now));
    EXPECT_FALSE(records.left_out(now).has_value());
}

}
}
