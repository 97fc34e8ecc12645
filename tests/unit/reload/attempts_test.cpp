// When a failed reload is tried again, and when it is worth a line in the log.

#include <gtest/gtest.h>

#include "reload/attempts.h"

namespace chmtls::generation
{
namespace
{

using std::chrono::milliseconds;

const SteadyTime start{std::chrono::hours(1)};
const Digest32 one{1};
const Digest32 two{2};

TEST(Attempts, DelayDoublesFromHalfASecondToThirty)
{
    Attempts attempts;
    std::vector<int64_t> delays;
    for (int i = 0; i < 9; ++i)
    {
        (void)attempts.failed(one, "cause", start);
        delays.push_back(std::chrono::duration_cast<milliseconds>(*attempts.retry_at() - start).count());
    }
    EXPECT_EQ(delays, (std::vector<int64_t>{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000}));
}

TEST(Attempts, AnotherCauseStartsAgainFromHalfASecond)
{
    Attempts attempts;
    for (int i = 0; i < 5; ++i)
        (void)attempts.failed(one, "cause", start);
    (void)attempts.failed(one, "other", start);
    EXPECT_EQ(*attempts.retry_at(), start + milliseconds(500));
}

TEST(Attempts, ACauseIsLoggedOnceAndOnlyWhenItStays)
{
    Attempts attempts;
    SteadyTime now = start;
    const auto later = [&](int by)
    {
        return now += milliseconds(by);
    };
    EXPECT_FALSE(attempts.failed(one, "torn", now));
    EXPECT_FALSE(attempts.failed(one, "expired", later(600))) << "another cause, and new";
    EXPECT_FALSE(attempts.failed(two, "expired", later(499)));
    EXPECT_FALSE(attempts.logged());
    EXPECT_TRUE(attempts.failed(one, "expired", later(1)));
    EXPECT_TRUE(attempts.logged());
    EXPECT_FALSE(attempts.failed(one, "expired", later(1000)));
    EXPECT_FALSE(attempts.failed(one, "missing", later(1)));
    EXPECT_TRUE(attempts.failed(one, "missing", later(500)));
    EXPECT_FALSE(attempts.failed(one, "expired", later(1)));
    EXPECT_FALSE(attempts.failed(one, "expired", later(1000))) << "said before";
}

TEST(Attempts, RemembersTheContentThatFailed)
{
    Attempts attempts;
    EXPECT_FALSE(attempts.failed_with(one));
    (void)attempts.failed(one, "cause", start);
    EXPECT_TRUE(attempts.failed_with(one));
    EXPECT_FALSE(attempts.failed_with(two));
    (void)attempts.failed(std::nullopt, "torn", start);
    EXPECT_FALSE(attempts.failed_with(one));
}

TEST(Attempts, DueAtItsTime)
{
    Attempts attempts;
    EXPECT_FALSE(attempts.due(start));
    (void)attempts.failed(one, "cause", start);
    EXPECT_FALSE(attempts.due(start + milliseconds(499)));
    EXPECT_TRUE(attempts.due(start + milliseconds(500)));
}

TEST(Attempts, SuccessForgetsEverything)
{
    Attempts attempts;
    (void)attempts.failed(one, "cause", start);
    (void)attempts.failed(one, "cause", start + milliseconds(500));
    attempts.succeeded();
    EXPECT_FALSE(attempts.failing());
    EXPECT_FALSE(attempts.retry_at().has_value());
    EXPECT_FALSE(attempts.failed(one, "cause", start));
    EXPECT_TRUE(attempts.failed(one, "cause", start + milliseconds(500))) << "a new episode is told again";
}

}
}
