// Connections that have not come as far as a login: their deadline, their number, and who goes first.

#include <binding/unfinished.h>

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

namespace chmtls::host
{
namespace
{

using namespace std::chrono_literals;

/// Two ends of a connection; ours is watched.
struct Pair
{
    Pair()
    {
        int ends[2]{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        ours = Descriptor(ends[0]);
        theirs = Descriptor(ends[1]);
    }

    [[nodiscard]] bool ended_within(std::chrono::milliseconds limit) const
    {
        pollfd wanted{theirs.get(), POLLIN, 0};
        char byte = 0;
        return ::poll(&wanted, 1, static_cast<int>(limit.count())) == 1 && ::recv(theirs.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }
    [[nodiscard]] bool ended() const { return ended_within(0ms); }

    Descriptor ours;
    Descriptor theirs;
};

constexpr auto deadline = 30s;

class UnfinishedTest : public testing::Test
{
protected:
    uint64_t begin(const Pair & pair, const std::string & address, Unfinished::Counted counted = Unfinished::Counted::yes)
    {
        return table_.begin(pair.ours.get(), address, counted);
    }

    std::atomic<uint64_t> reported_{0};
    Unfinished table_{
        [this](const Unfinished::Report & report) { reported_ += report.at_deadline + report.of_address + report.of_total; },
        [](std::function<void()> body)
        {
            return std::thread(std::move(body));
        }};
};

TEST_F(UnfinishedTest, TheDeadlineEndsWhoeverIsNotThere)
{
    table_.set_limits({50ms, 10, 10});
    const Pair slow;
    const Pair quick;
    const auto first = begin(slow, "a");
    const auto second = begin(quick, "a");
    ASSERT_NE(first, 0U);
    table_.end(second);
    EXPECT_TRUE(slow.ended_within(deadline));
    EXPECT_FALSE(quick.ended());
    EXPECT_EQ(table_.count(), 0U);
    table_.end(first); // that is no news
    const auto limit = Unfinished::Clock::now() + deadline;
    while (reported_ == 0 && Unfinished::Clock::now() < limit)
        std::this_thread::yield();
    EXPECT_EQ(reported_, 1U);
}

TEST_F(UnfinishedTest, OneTooManyOfAnAddressEndsItsOldest)
{
    table_.set_limits({1h, 10, 2});
    const std::vector<Pair> pairs(4);
    EXPECT_NE(begin(pairs[3], "other"), 0U);
    for (size_t i = 0; i < 3; ++i)
        EXPECT_NE(begin(pairs[i], "one"), 0U);
    EXPECT_TRUE(pairs[0].ended());
    EXPECT_FALSE(pairs[1].ended() || pairs[2].ended() || pairs[3].ended());
    EXPECT_EQ(table_.count(), 3U);
}

TEST_F(UnfinishedTest, OneTooManyInAllEndsTheOldestOfWhoHasMost)
{
    table_.set_limits({1h, 4, 4});
    const std::vector<Pair> pairs(5);
    EXPECT_NE(begin(pairs[0], "early, and alone"), 0U);
    for (size_t i = 1; i < 4; ++i)
        EXPECT_NE(begin(pairs[i], "many"), 0U);
    EXPECT_NE(begin(pairs[4], "somebody else"), 0U);
    EXPECT_TRUE(pairs[1].ended());
    EXPECT_FALSE(pairs[0].ended() || pairs[2].ended() || pairs[3].ended() || pairs[4].ended());
}

TEST_F(UnfinishedTest, WhoHasSaidNothingGoesFirst)
{
    table_.set_limits({1h, 3, 3});
    const std::vector<Pair> pairs(5);
    const auto hello = begin(pairs[0], "127.0.0.1");
    EXPECT_NE(begin(pairs[1], "127.0.0.2"), 0U);
    EXPECT_NE(begin(pairs[2], "127.0.0.3"), 0U);
    table_.advance(hello);
    EXPECT_NE(begin(pairs[3], "127.0.0.4"), 0U);
    EXPECT_TRUE(pairs[1].ended()) << "the oldest of those who drip";
    EXPECT_NE(begin(pairs[4], "127.0.0.5"), 0U);
    EXPECT_TRUE(pairs[2].ended());
    EXPECT_FALSE(pairs[0].ended() || pairs[3].ended() || pairs[4].ended());
    table_.end(hello);
    EXPECT_EQ(table_.count(), 2U);
}

TEST_F(UnfinishedTest, WhoHasLoggedInBeforeTakesNobodysPlace)
{
    table_.set_limits({1h, 1, 1});
    const std::vector<Pair> pairs(3);
    EXPECT_NE(begin(pairs[0], "a"), 0U);
    EXPECT_NE(begin(pairs[1], "a", Unfinished::Counted::no), 0U);
    EXPECT_NE(begin(pairs[2], "a", Unfinished::Counted::no), 0U);
    EXPECT_FALSE(pairs[0].ended() || pairs[1].ended() || pairs[2].ended());
    EXPECT_EQ(table_.count(), 1U);
}

TEST_F(UnfinishedTest, AnAcceptedConnectionIsClaimedOnce)
{
    const Pair pair;
    const auto number = begin(pair, "a");
    EXPECT_EQ(table_.claim(pair.ours.get()), number);
    EXPECT_EQ(table_.claim(pair.ours.get()), 0U);
    table_.end(number);
    EXPECT_EQ(table_.count(), 0U);
}

TEST_F(UnfinishedTest, ADescriptorThatCameBackIsAnotherConnection)
{
    auto first = std::make_unique<Pair>();
    const int descriptor = first->ours.get();
    const auto former = begin(*first, "a");
    first.reset(); // closed, and nobody said so
    const Pair second;
    ASSERT_EQ(second.ours.get(), descriptor);
    const auto number = begin(second, "b");
    EXPECT_NE(number, former);
    EXPECT_EQ(table_.count(), 1U);
    table_.end(former);
    EXPECT_EQ(table_.count(), 1U);
    EXPECT_EQ(table_.claim(descriptor), number);
}

}
}
