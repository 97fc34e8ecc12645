// Flushes are coalesced and rate-limited; failed connects are counted in a row.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/connects.h"
#include "dns/flushes.h"

namespace chmtls::dns
{
namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr milliseconds interval{5000};

std::vector<std::string> hosts(const std::vector<Flush> & flushes)
{
    std::vector<std::string> result;
    for (const Flush & flush : flushes)
        result.push_back(flush.host.empty() ? "ALL" : flush.host);
    return result;
}

TEST(Flushes, FirstIsAtOnceAndTheNextWait)
{
    const TimePoint now{seconds(100)};
    Flushes flushes;
    EXPECT_THAT(flushes.take(now, interval), IsEmpty());
    flushes.ask("a", Cause::changed);
    EXPECT_THAT(hosts(flushes.take(now, interval)), ElementsAre("a"));
    flushes.ask("a", Cause::changed);
    flushes.ask("b", Cause::failures);
    flushes.ask("b", Cause::command);
    EXPECT_EQ(flushes.due(interval), now + interval);
    EXPECT_THAT(flushes.take(now + interval - milliseconds(1), interval), IsEmpty());
    const auto together = flushes.take(now + interval, interval);
    ASSERT_THAT(hosts(together), ElementsAre("a", "b"));
    EXPECT_THAT(together[1].causes, ElementsAre(Cause::failures, Cause::command));
    EXPECT_FALSE(flushes.due(interval).has_value());
    EXPECT_EQ(flushes.counts().done, 3u);
    EXPECT_EQ(flushes.counts().asked[static_cast<size_t>(Cause::changed)], 2u);
}

TEST(Flushes, EverythingContainsEachHost)
{
    Flushes flushes;
    flushes.ask("a", Cause::changed);
    flushes.ask("", Cause::schedule);
    const auto taken = flushes.take(TimePoint(seconds(1)), interval);
    ASSERT_THAT(hosts(taken), ElementsAre("ALL"));
    EXPECT_THAT(taken[0].causes, ElementsAre(Cause::changed, Cause::schedule));
}

TEST(Flushes, ManyHostsAreManyHosts)
{
    Flushes flushes;
    for (size_t i = 0; i < 100; ++i)
        flushes.ask("host" + std::to_string(i), Cause::failures);
    EXPECT_THAT(flushes.take(TimePoint(seconds(1)), interval), SizeIs(100));
}

TEST(Flushes, MoreThanCanBeConfiguredAreEverything)
{
    Flushes flushes;
    for (size_t i = 0; i <= Flushes::max_hosts; ++i)
        flushes.ask("host" + std::to_string(i), Cause::command);
    EXPECT_THAT(hosts(flushes.take(TimePoint(seconds(1)), interval)), ElementsAre("ALL"));
}

TEST(Connects, CountsInARow)
{
    Connects connects;
    EXPECT_FALSE(connects.failed("a", 3));
    EXPECT_FALSE(connects.failed("a", 3));
    connects.succeeded("a");
    EXPECT_FALSE(connects.failed("a", 3));
    EXPECT_FALSE(connects.failed("a", 3));
    EXPECT_FALSE(connects.failed("b", 3)) << "each host by itself";
    EXPECT_TRUE(connects.failed("a", 3));
    EXPECT_EQ(connects.failing(), 2u);
}

TEST(Connects, AHostThatGoesOnFailingIsToldMoreAndMoreSeldom)
{
    Connects connects;
    std::vector<int> told;
    for (int i = 1; i <= 21; ++i)
        if (connects.failed("a", 3))
            told.push_back(i);
    EXPECT_THAT(told, ElementsAre(3, 9, 21));
    connects.succeeded("a");
    EXPECT_FALSE(connects.failed("a", 3));
    EXPECT_FALSE(connects.failed("a", 3));
    EXPECT_TRUE(connects.failed("a", 3));
}

TEST(Connects, ZeroIsNever)
{
    Connects connects;
    for (int i = 0; i < 100; ++i)
        EXPECT_FALSE(connects.failed("a", 0));
    EXPECT_EQ(connects.failing(), 0u);
}

TEST(Connects, AHostThatIsNoLongerWatchedIsForgotten)
{
    Connects connects;
    for (const char * host : {"stays", "goes"})
    {
        EXPECT_FALSE(connects.failed(host, 3));
        EXPECT_FALSE(connects.failed(host, 3));
    }
    connects.keep([](const std::string & host) { return host == "stays"; });
    EXPECT_EQ(connects.failing(), 1u);
    EXPECT_TRUE(connects.failed("stays", 3));
    EXPECT_FALSE(connects.failed("goes", 3));
}

}
}
