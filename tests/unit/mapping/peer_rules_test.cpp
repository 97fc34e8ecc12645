// Rules that say who a peer is, and yield no user.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mapping/peer_rules.h"
#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using test::SubjectBuilder;
using testing::HasSubstr;
using testing::SizeIs;

RuleText peer(std::string name, std::vector<MatcherText> matchers)
{
    return {std::move(name), std::move(matchers), {}, "config.xml:1"};
}

std::shared_ptr<const PeerRules> compiled(std::vector<RuleText> rules)
{
    auto made = PeerRules::compile(std::move(rules));
    if (!made)
        throw std::runtime_error(describe(made.error()));
    return *made;
}

TEST(PeerRules, TheFirstThatMatchesIsNamed)
{
    const auto rules = compiled(
        {peer("other", {{Field::common_name, "other"}}), peer("wide", {{Field::dns, "*.nodes.internal"}}),
         peer("narrow", {{Field::dns, "ch1.nodes.internal"}})});
    const auto match = rules->match(SubjectBuilder().dns("ch1.nodes.internal").subject());
    EXPECT_TRUE(match.matched());
    EXPECT_EQ(match.rule, "wide");
    EXPECT_EQ(rules->match(SubjectBuilder().dns("ch1.people.internal").subject()).reason, Reason::no_rule);
}

TEST(PeerRules, AllMatchersOfARuleHaveToMatch)
{
    const auto rules = compiled({peer("both", {{Field::dns, "a.org"}, {Field::issuer, "CN=CA"}})});
    EXPECT_TRUE(rules->match(SubjectBuilder().dns("a.org").names("", "CN=CA").subject()).matched());
    EXPECT_FALSE(rules->match(SubjectBuilder().dns("a.org").names("", "CN=Other").subject()).matched());
}

// Captures are of no use here and do no harm, whatever they capture.
TEST(PeerRules, CapturesNeitherHelpNorHinder)
{
    const auto rules = compiled({peer("each", {{Field::common_name, "{anything}"}})});
    EXPECT_TRUE(rules->match(SubjectBuilder().common_name("node").subject()).matched());
    EXPECT_TRUE(rules->match(SubjectBuilder().common_name(std::string(300, 'n')).subject()).matched());
}

TEST(PeerRules, ACertificateBeyondTheBoundsIsNotJudged)
{
    const auto rules = compiled({peer("cluster", {{Field::dns, "*.internal"}})});
    SubjectBuilder many;
    for (int i = 0; i < 5000; ++i)
        many.dns("n" + std::to_string(i) + ".internal");
    const auto match = rules->match(many.subject());
    EXPECT_EQ(match.reason, Reason::resource);
    EXPECT_FALSE(match.message.empty());
}

TEST(PeerRules, FindingsAreThoseOfARuleSet)
{
    const auto refused = PeerRules::compile(
        {peer("twice", {{Field::dns, "a"}}), peer("twice", {{Field::dns, "b"}}), peer("bad", {{Field::dns, "**"}})});
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error(), SizeIs(2));
    EXPECT_FALSE(PeerRules::compile({peer("none", {})}).has_value());
}

TEST(PeerRules, ExplainYieldsNoUsers)
{
    const auto rules = compiled({peer("cluster", {{Field::dns, "*.internal"}}), peer("other", {{Field::dns, "x"}})});
    const auto traces = rules->explain(SubjectBuilder().dns("a.internal").subject());
    ASSERT_THAT(traces, SizeIs(2));
    EXPECT_TRUE(traces[0].matched);
    EXPECT_EQ(traces[0].user, "");
    EXPECT_THAT(traces[0].detail, HasSubstr("a.internal"));
    EXPECT_FALSE(traces[1].matched);
}

TEST(PeerRules, NamesAreForMessages)
{
    EXPECT_EQ(compiled({peer("a", {{Field::dns, "a"}}), peer("b", {{Field::dns, "b"}})})->names(), "'a', 'b'");
    std::vector<RuleText> many;
    for (int i = 0; i < 100; ++i)
        many.push_back(peer("r" + std::to_string(i), {{Field::dns, "n" + std::to_string(i)}}));
    EXPECT_THAT(compiled(std::move(many))->names(), testing::EndsWith("'r7', ..."));
}

}
}
