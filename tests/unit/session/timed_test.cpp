// Sessions by a rule with terms: when they end.

#include "unit/session/sessions.h"

namespace chmtls::session
{
namespace
{

using std::chrono::seconds;
using test::leaf_spec;
using test::must;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class TimedSessions : public Sessions
{
protected:
    void publish_with(mapping::RuleTerms terms)
    {
        auto made = make();
        mapping::RuleText rule{"timed", {{mapping::Field::common_name, "support"}}, "support", "test"};
        rule.terms = terms;
        made->rules = must(mapping::RuleSet::compile({rule}));
        publish(made);
    }

    [[nodiscard]] Result<void> open(Registry & registry, uint64_t token)
    {
        return registry.add({token, policy::Interface::native, identity(leaf_spec("support")), "support", "timed", {}, {}});
    }
};

TEST_F(TimedSessions, EndWithTheirRule)
{
    mapping::RuleTerms terms;
    terms.valid_until = world_.now + seconds(100);
    publish_with(terms);
    Registry registry = this->registry();
    ASSERT_TRUE(open(registry, 1).has_value());
    ahead_ = 99;
    ASSERT_TRUE(open(registry, 2).has_value());
    EXPECT_EQ(registry.closed(), 0u);
    ahead_ = 100;
    EXPECT_TRUE(closes(2));
    EXPECT_THAT(closed_.at(1), AllOf(StartsWith("RULE-TIME: "), HasSubstr("holds only until")));
    EXPECT_FALSE(open(registry, 3).has_value());
}

TEST_F(TimedSessions, EndAfterMaxSessionAndARenewedOneIsNoYounger)
{
    mapping::RuleTerms terms;
    terms.max_session = seconds(3600);
    publish_with(terms);
    Registry registry = this->registry();
    ASSERT_TRUE(open(registry, 1).has_value());
    ahead_ = 3000;
    ASSERT_TRUE(open(registry, 1).has_value()); // another login on the same connection
    ASSERT_TRUE(open(registry, 2).has_value());
    ahead_ = 3600;
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_.at(1), AllOf(StartsWith("SESSION-TIME: "), HasSubstr("as long as rule 'timed' allows")));
    EXPECT_EQ(registry.size(), 1u);
    ahead_ = 3000 + 3600;
    EXPECT_TRUE(closes(2));
}

TEST_F(TimedSessions, AClockThatIsSetBackMakesNoneLonger)
{
    mapping::RuleTerms terms;
    terms.max_session = seconds(2);
    publish_with(terms);
    // This clock goes on after it was set.
    const auto begin = std::chrono::steady_clock::now();
    Registry registry(
        noted(), [this] { return published_.current(); },
        [this, begin]
        {
            const auto passed = std::chrono::steady_clock::now() - begin;
            return world_.now + seconds(ahead_) + std::chrono::duration_cast<seconds>(passed);
        });
    ASSERT_TRUE(open(registry, 1).has_value());
    ahead_ = -3000; // the certificate is valid by then, too
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_.at(1), HasSubstr("has lasted 2 s"));
}

TEST_F(TimedSessions, ARenewedOneIsNoYoungerByTheMonotonicClockEither)
{
    mapping::RuleTerms terms;
    terms.max_session = seconds(2);
    publish_with(terms);
    Registry registry = this->registry(); // whose clock stands still
    ASSERT_TRUE(open(registry, 1).has_value());
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (open(registry, 1).has_value() && std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
    EXPECT_LT(std::chrono::steady_clock::now(), end);
}

TEST_F(TimedSessions, AClockThatIsSetBackBeforeTheRuleEndsThem)
{
    mapping::RuleTerms terms;
    terms.valid_from = world_.now - seconds(1800);
    publish_with(terms);
    Registry registry = this->registry();
    ASSERT_TRUE(open(registry, 1).has_value());
    ahead_ = -1800;
    ASSERT_TRUE(open(registry, 2).has_value());
    EXPECT_EQ(registry.closed(), 0u);
    ahead_ = -1801;
    EXPECT_TRUE(closes(2));
    EXPECT_THAT(closed_.at(1), HasSubstr("holds only from"));
}

TEST_F(TimedSessions, OfCertificateAndPasswordStandByTheirRule)
{
    mapping::RuleTerms terms;
    terms.password = mapping::PasswordNeed::required;
    terms.valid_until = world_.now + seconds(100);
    publish_with(terms);
    Registry registry = this->registry();
    EXPECT_FALSE(open(registry, 1).has_value()) << "granted by certificate, now it takes a password";
    const auto support = identity(leaf_spec("support"));
    ASSERT_TRUE(registry.add({2, policy::Interface::native, support, "", "timed", {}, {}}).has_value());
    ahead_ = 100;
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_.at(2), HasSubstr("rule 'timed' no longer lets it in"));
}

}
}
