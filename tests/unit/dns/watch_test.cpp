// What counts as a change, and when a name is asked for again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/watch.h"

namespace chmtls::dns
{
namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr milliseconds slot{400}; // due times are rounded up by less than this

config::DnsSettings watching(std::vector<std::string> names)
{
    config::DnsSettings settings;
    settings.enabled = true;
    settings.names = std::move(names);
    settings.min_ttl = seconds(5);
    settings.max_ttl = seconds(300);
    settings.negative_ttl = seconds(10);
    return settings;
}

Answer at(std::vector<std::string> addresses, int ttl = 60)
{
    return {Answer::Kind::addresses, std::move(addresses), seconds(ttl), ""};
}

Answer none()
{
    return {Answer::Kind::none, {}, seconds(0), "no such name"};
}

Answer failed()
{
    return {Answer::Kind::failed, {}, seconds(0), "timeout"};
}

class WatchedName : public testing::Test
{
protected:
    WatchedName() { watch_.configure(watching({"db"}), now_); }

    /// What a lookup of "db" means once it is due.
    Outcome answered(Answer ipv4, Answer ipv6)
    {
        now_ = std::max(now_, watch_.next_due().value());
        EXPECT_THAT(watch_.take_due(now_, 10), ElementsAre("db"));
        return watch_.ended({"db", std::move(ipv4), std::move(ipv6)}, now_);
    }

    [[nodiscard]] std::vector<std::string> known() const { return watch_.states(now_).front().addresses; }

    TimePoint now_{seconds(1000)};
    Watch watch_;
};

TEST_F(WatchedName, FirstAnswerIsNoChange)
{
    EXPECT_FALSE(answered(at({"10.0.0.1"}), none()).changed);
    EXPECT_THAT(known(), ElementsAre("10.0.0.1"));
}

TEST_F(WatchedName, OtherAddressIsAChange)
{
    (void)answered(at({"10.0.0.1"}), none());
    const Outcome outcome = answered(at({"10.0.0.2"}), none());
    EXPECT_TRUE(outcome.changed);
    EXPECT_THAT(outcome.before, ElementsAre("10.0.0.1"));
    EXPECT_THAT(outcome.after, ElementsAre("10.0.0.2"));
}

TEST_F(WatchedName, OtherOrderOrTtlIsNoChange)
{
    (void)answered(at({"10.0.0.1", "10.0.0.2"}), at({"fd00::1"}));
    EXPECT_FALSE(answered(at({"10.0.0.2", "10.0.0.1", "10.0.0.2"}, 7), at({"fd00::1"}, 9)).changed);
}

TEST_F(WatchedName, FurtherOrFewerAddressesAreAChange)
{
    (void)answered(at({"10.0.0.1"}), none());
    EXPECT_TRUE(answered(at({"10.0.0.1", "10.0.0.2"}), none()).changed);
    EXPECT_TRUE(answered(at({"10.0.0.1", "10.0.0.2"}), at({"fd00::1"})).changed);
    EXPECT_TRUE(answered(at({"10.0.0.2"}), at({"fd00::1"})).changed);
    EXPECT_TRUE(answered(at({"10.0.0.2"}), none()).changed) << "no data beside addresses of the other family is an answer";
}

TEST_F(WatchedName, FailureOfOneFamilyKeepsWhatIsKnownOfIt)
{
    (void)answered(at({"10.0.0.1"}), at({"fd00::1"}));
    EXPECT_FALSE(answered(at({"10.0.0.1"}), failed()).changed);
    EXPECT_FALSE(answered(failed(), at({"fd00::1"})).changed);
    EXPECT_THAT(known(), ElementsAre("10.0.0.1", "fd00::1"));
}

TEST_F(WatchedName, NeitherFailureNorAbsenceForgetsAnAddress)
{
    (void)answered(at({"10.0.0.1"}), none());
    const Outcome first = answered(failed(), failed());
    EXPECT_FALSE(first.changed);
    EXPECT_TRUE(first.began_to_fail);
    EXPECT_EQ(first.failure, "timeout");
    EXPECT_EQ(watch_.failing(), 1u);
    const Outcome second = answered(none(), none());
    EXPECT_FALSE(second.changed);
    EXPECT_FALSE(second.began_to_fail) << "told once";
    EXPECT_THAT(known(), ElementsAre("10.0.0.1"));
    EXPECT_FALSE(answered(at({"10.0.0.1"}), none()).changed) << "back as it was";
    EXPECT_EQ(watch_.failing(), 0u);
}

TEST_F(WatchedName, FirstAddressAfterItDidNotResolveIsAChange)
{
    EXPECT_TRUE(answered(none(), none()).began_to_fail);
    EXPECT_TRUE(answered(at({"10.0.0.1"}), none()).changed) << "others may remember that there was none";
}

struct Delay
{
    std::string name;
    Answer ipv4;
    Answer ipv6;
    milliseconds expected;
};

void PrintTo(const Delay & one, std::ostream * out)
{
    *out << one.name;
}

class AskedAgain : public testing::TestWithParam<Delay>
{
};

TEST_P(AskedAgain, After)
{
    const TimePoint now{seconds(1000)};
    Watch watch;
    watch.configure(watching({"db"}), now);
    ASSERT_THAT(watch.take_due(now, 10), ElementsAre("db"));
    EXPECT_FALSE(watch.next_due().has_value()) << "under way";
    (void)watch.ended({"db", GetParam().ipv4, GetParam().ipv6}, now);
    const TimePoint due = watch.next_due().value();
    EXPECT_GE(due, now + GetParam().expected);
    EXPECT_LE(due, now + GetParam().expected + slot);
    EXPECT_THAT(watch.take_due(due - milliseconds(1), 10), IsEmpty());
    EXPECT_THAT(watch.take_due(due, 10), ElementsAre("db"));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, AskedAgain,
    testing::Values(
        Delay{"Ttl", at({"10.0.0.1"}, 60), none(), seconds(60)},
        Delay{"LeastTtl", at({"10.0.0.1"}, 60), at({"::1"}, 20), seconds(20)},
        Delay{"Floor", at({"10.0.0.1"}, 0), none(), seconds(5)}, Delay{"Ceiling", at({"10.0.0.1"}, 86400), none(), seconds(300)},
        Delay{"NoSuchName", none(), none(), seconds(10)}, Delay{"Failure", failed(), failed(), seconds(10)},
        Delay{"HalfAFailure", at({"10.0.0.1"}, 60), failed(), seconds(10)}),
    [](const auto & one) { return one.param.name; });

TEST(Watch, BoundsWhatIsTakenAtOnce)
{
    const TimePoint now{seconds(1)};
    Watch watch;
    watch.configure(watching({"a", "b", "c"}), now);
    EXPECT_THAT(watch.take_due(now, 2), ElementsAre("a", "b"));
    EXPECT_EQ(watch.under_way(), 2u);
    EXPECT_THAT(watch.take_due(now, 2), ElementsAre("c"));
}

TEST(Watch, KeepsWhatItKnowsOfNamesThatStay)
{
    const TimePoint now{seconds(1)};
    Watch watch;
    watch.configure(watching({"a", "b"}), now);
    (void)watch.take_due(now, 10);
    (void)watch.ended({"a", at({"10.0.0.1"}), none()}, now);
    watch.configure(watching({"a", "c"}), now + seconds(1));
    EXPECT_THAT(watch.take_due(now + seconds(1), 10), ElementsAre("c"));
    EXPECT_FALSE(watch.ended({"b", at({"10.0.0.9"}), none()}, now).changed) << "no longer watched";
    const TimePoint due = watch.next_due().value();
    EXPECT_THAT(watch.take_due(due, 10), ElementsAre("a"));
    EXPECT_TRUE(watch.ended({"a", at({"10.0.0.2"}), none()}, due).changed);
}

TEST(Watch, ShorterCeilingHoldsAtOnce)
{
    const TimePoint now{seconds(1)};
    Watch watch;
    watch.configure(watching({"a"}), now);
    (void)watch.take_due(now, 10);
    (void)watch.ended({"a", at({"10.0.0.1"}, 300), none()}, now);
    auto settings = watching({"a"});
    settings.max_ttl = seconds(7);
    watch.configure(settings, now);
    EXPECT_LE(watch.next_due().value(), now + seconds(7));
}

TEST(Watch, BeginsAgainWithWhatItKnows)
{
    TimePoint now{seconds(1)};
    Watch watch;
    watch.configure(watching({"a", "b"}), now);
    (void)watch.take_due(now, 1);
    (void)watch.ended({"a", at({"10.0.0.1"}), none()}, now);
    (void)watch.take_due(now, 1); // "b", whose answer is lost
    watch.restart(now);
    EXPECT_EQ(watch.under_way(), 0u);
    now += seconds(10) + slot;
    EXPECT_THAT(watch.take_due(now, 10), ElementsAre("a", "b"));
    EXPECT_TRUE(watch.ended({"a", at({"10.0.0.2"}), none()}, now).changed);
    EXPECT_FALSE(watch.ended({"b", at({"10.0.0.3"}), none()}, now).changed);
}

TEST(Watch, AsksNowWhenToldTo)
{
    const TimePoint now{seconds(1)};
    Watch watch;
    watch.configure(watching({"a"}), now);
    (void)watch.take_due(now, 10);
    (void)watch.ended({"a", at({"10.0.0.1"}), none()}, now);
    watch.ask_now("nobody", now);
    watch.ask_now("a", now);
    EXPECT_THAT(watch.take_due(now, 10), ElementsAre("a"));
    watch.ask_now("a", now); // under way: its answer is on its way
    EXPECT_THAT(watch.take_due(now, 10), IsEmpty());
}

}
}
