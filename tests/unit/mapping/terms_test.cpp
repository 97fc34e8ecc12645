// When and how rules hold: valid_from, valid_until, max_session, password.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using std::chrono::seconds;
using test::any_time;
using test::SubjectBuilder;
using testing::HasSubstr;

RuleText rule(const std::string & line)
{
    auto parsed = parse_rule_line(line, "f:1");
    EXPECT_TRUE(parsed.has_value()) << line << (parsed ? "" : parsed.error().describe());
    return parsed ? *parsed : RuleText();
}

std::shared_ptr<const RuleSet> rules(const std::vector<std::string> & lines)
{
    std::vector<RuleText> texts;
    for (const std::string & line : lines)
        texts.push_back(rule(line));
    auto compiled = RuleSet::compile(std::move(texts));
    EXPECT_TRUE(compiled.has_value()) << (compiled ? "" : describe(compiled.error()));
    return compiled ? *compiled : nullptr;
}

TEST(RuleTermsText, AreReadAndPrinted)
{
    const RuleText full = rule(
        R"(s: dns=a -> u max_session = 15m password=required valid_from="2026-06-01T02:00:00+02:00" valid_until=2026-06-02T00:00:00Z # x)");
    EXPECT_EQ(full.user, "u");
    EXPECT_EQ(full.terms.valid_from, any_time);
    EXPECT_EQ(full.terms.valid_until, any_time + std::chrono::hours(24));
    EXPECT_EQ(full.terms.max_session, seconds(900));
    EXPECT_EQ(full.terms.password, PasswordNeed::required);
    EXPECT_EQ(
        print_rule_line(full), R"(s: dns="a" -> "u" valid_from=2026-06-01T00:00:00Z valid_until=2026-06-02T00:00:00Z )"
                               R"(max_session=900s password=required)");
    EXPECT_EQ(rule(print_rule_line(full)), full);
    EXPECT_EQ(rule("s: dns=a -> u").terms, RuleTerms());
}

TEST(RuleTermsText, DefectsAreNamed)
{
    const std::pair<std::string, std::string> cases[] = {
        {"for_ever=yes", "no term"},
        {"valid_from", "no term"},
        {"password=", "a value expected"},
        {"password=optional", "is not 'required'"},
        {"valid_from=tomorrow", "is no date and time"},
        {"valid_until=9999-12-31T23:59:59-23:59", "is no date and time"},
        {"max_session=0", "is no length of time"},
        {"max_session=-1h", "is no length of time"},
        {"max_session=1h max_session=1h", "is given twice"},
        {"valid_from=2026-06-01T00:00:00Z valid_from=2026-06-01T00:00:00Z", "is given twice"},
    };
    for (const auto & [term, reason] : cases)
    {
        const auto parsed = parse_rule_line("s: dns=a -> u " + term, "f:1");
        ASSERT_FALSE(parsed.has_value()) << term;
        EXPECT_THAT(parsed.error().reason, HasSubstr(reason)) << term;
    }
}

TEST(RuleTermsCompiled, ContradictionsAreRefused)
{
    const std::pair<std::string, std::string> cases[] = {
        {"s: dns=a -> u valid_from=2026-06-01T00:00:00Z valid_until=2026-06-01T00:00:00Z", "never hold"},
        {"s: dns={n} -> {n} password=required", "captured from the certificate"},
    };
    for (const auto & [line, reason] : cases)
    {
        const auto compiled = RuleSet::compile({rule(line)});
        ASSERT_FALSE(compiled.has_value()) << line;
        EXPECT_THAT(describe(compiled.error()), HasSubstr(reason));
    }
    EXPECT_TRUE(RuleSet::compile({rule("s: dns={n} -> {n} max_session=1h")}).has_value());
}

/// Each kind of rule takes another way through the index.
TEST(RuleTime, HoldsFromTheFirstSecondToTheOneBeforeTheLast)
{
    const std::string window = " valid_from=2026-06-01T00:00:00Z valid_until=2026-06-01T01:00:00Z";
    for (const std::string line :
         {"r: dns=a.org -> u", "r: dns=*.org -> u", "r: dns=a.org common_name=x -> u", "r: dns=regex:a[.]org -> u",
          "r: dns={u}.org -> u{u}", "r: dns=a.org -> \"{{\""})
    {
        const auto set = rules({line + window});
        ASSERT_NE(set, nullptr);
        SubjectBuilder builder;
        builder.dns("a.org").common_name("x");
        const std::pair<seconds, bool> moments[]
            = {{seconds(-1), false}, {seconds(0), true}, {seconds(3599), true}, {seconds(3600), false}};
        for (const auto & [after, holds] : moments)
        {
            const UnixTime now = any_time + after;
            const Decision decision = set->decide(builder.subject(), {}, now);
            EXPECT_EQ(decision.reason, holds ? Reason::valid : Reason::rule_time) << line;
            EXPECT_EQ(set->decide_one_by_one(builder.subject(), {}, now).reason, decision.reason) << line;
            EXPECT_EQ(set->explain(builder.subject(), now)[0].matched, holds) << line;
            if (holds)
            {
                EXPECT_EQ(decision.terms.valid_until, any_time + seconds(3600));
                EXPECT_TRUE(set->decide(builder.subject(), decision.user, now).accepted());
            }
            else
                EXPECT_THAT(decision.message, HasSubstr("holds only from 2026-06-01T00:00:00Z until 2026-06-01T01:00:00Z"));
        }
    }
}

TEST(RuleTime, ARuleOutsideItsTimeStandsInNobodysWay)
{
    const auto set = rules({"old: dns=a.org -> u valid_until=2026-05-01T00:00:00Z", "now: common_name=x -> v"});
    SubjectBuilder builder;
    builder.dns("a.org").common_name("x");
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).user, "v");
    EXPECT_EQ(set->decide(builder.subject(), "u", any_time).reason, Reason::other_user);
}

TEST(RulePassword, TheRuleThatWantsNoneComesFirst)
{
    const auto set = rules({"both: dns=a.org -> u password=required", "alone: common_name=x -> u"});
    SubjectBuilder two;
    two.dns("a.org").common_name("x");
    SubjectBuilder one;
    one.dns("a.org");
    for (const std::optional<std::string_view> asked : {std::optional<std::string_view>(), std::optional<std::string_view>("u")})
    {
        EXPECT_EQ(set->decide(two.subject(), asked, any_time).rule, "alone");
        const Decision decision = set->decide(one.subject(), asked, any_time);
        EXPECT_EQ(decision.rule, "both");
        EXPECT_EQ(decision.terms.password, PasswordNeed::required);
        EXPECT_EQ(set->decide_one_by_one(one.subject(), asked, any_time).rule, "both");
    }
    EXPECT_TRUE(set->wants_password("u"));
    EXPECT_FALSE(set->wants_password("v"));
    EXPECT_EQ(set->user_of_password_rule("both"), "u");
    EXPECT_EQ(set->user_of_password_rule("alone"), std::nullopt);
}

}
}
