// Which user a certificate is, and what is refused at load.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using test::any_time;
using test::compiled;
using test::findings;
using test::rule;
using test::SubjectBuilder;
using testing::AllOf;
using testing::HasSubstr;

// Decisions ---------------------------------------------------------------------------------------------------------------------

TEST(Decide, no_rules_refuse)
{
    const auto set = compiled({});
    const Decision decision = set->decide(SubjectBuilder().common_name("a").subject(), {}, any_time);
    EXPECT_EQ(decision.reason, Reason::no_rule);
    EXPECT_TRUE(decision.user.empty());
    EXPECT_FALSE(decision.message.empty());
}

TEST(Decide, the_matching_rule_names_user_and_itself)
{
    const auto set
        = compiled({rule("r1", {{Field::common_name, "alice"}}, "u1"), rule("r2", {{Field::common_name, "bob"}}, "u2")});
    const Decision decision = set->decide(SubjectBuilder().common_name("bob").subject(), {}, any_time);
    EXPECT_EQ(decision.reason, Reason::valid);
    EXPECT_EQ(decision.user, "u2");
    EXPECT_EQ(decision.rule, "r2");
}

TEST(Decide, long_names_are_kept_whole)
{
    const std::string long_name(100, 'n');
    const std::string long_user(200, 'u');
    const auto set = compiled({rule(long_name, {{Field::common_name, "alice"}}, long_user)});
    const Decision decision = set->decide(SubjectBuilder().common_name("alice").subject(), {}, any_time);
    EXPECT_EQ(decision.user, long_user);
    EXPECT_EQ(decision.rule, long_name);
}

TEST(Decide, all_matchers_have_to_match)
{
    const auto set = compiled({rule("r", {{Field::dns, "a.org"}, {Field::uri, "urn:x"}, {Field::issuer, "CN=CA"}}, "u")});
    const auto decide = [&](SubjectBuilder & builder)
    {
        return set->decide(builder.subject(), {}, any_time).reason;
    };
    EXPECT_EQ(decide(SubjectBuilder().dns("a.org").uri("urn:x").names("", "CN=CA")), Reason::valid);
    EXPECT_EQ(decide(SubjectBuilder().dns("b.org").uri("urn:x").names("", "CN=CA")), Reason::no_rule);
    EXPECT_EQ(decide(SubjectBuilder().dns("a.org").uri("urn:y").names("", "CN=CA")), Reason::no_rule);
    EXPECT_EQ(decide(SubjectBuilder().dns("a.org").uri("urn:x").names("", "CN=CB")), Reason::no_rule);
    EXPECT_EQ(decide(SubjectBuilder().uri("urn:x").names("", "CN=CA")), Reason::no_rule);
}

TEST(Decide, two_matchers_of_one_field_want_both_names)
{
    const auto set = compiled({rule("r", {{Field::dns, "a.org"}, {Field::dns, "b.org"}}, "u")});
    EXPECT_TRUE(set->decide(SubjectBuilder().dns("b.org").dns("a.org").subject(), {}, any_time).accepted());
    EXPECT_FALSE(set->decide(SubjectBuilder().dns("a.org").subject(), {}, any_time).accepted());
}

TEST(Decide, rules_that_agree_name_the_first)
{
    const auto set = compiled({rule("z", {{Field::dns, "a.org"}}, "u"), rule("a", {{Field::common_name, "x"}}, "u")});
    const Decision decision = set->decide(SubjectBuilder().common_name("x").dns("a.org").subject(), {}, any_time);
    EXPECT_EQ(decision.user, "u");
    EXPECT_EQ(decision.rule, "z");
}

TEST(Decide, rules_that_differ_are_ambiguous_and_both_named)
{
    const auto set = compiled(
        {rule("first", {{Field::dns, "a.org"}}, "u1"), rule("second", {{Field::dns, "*.org"}}, "u2"),
         rule("third", {{Field::common_name, "none"}}, "u3")});
    const SubjectBuilder builder = SubjectBuilder().dns("a.org");
    const Decision decision = set->decide(builder.subject(), {}, any_time);
    EXPECT_EQ(decision.reason, Reason::ambiguous);
    EXPECT_THAT(decision.message, AllOf(HasSubstr("'first'"), HasSubstr("'second'"), HasSubstr("'u1'"), HasSubstr("'u2'")));
    EXPECT_TRUE(decision.user.empty());
    EXPECT_EQ(set->decide(SubjectBuilder().dns("b.org").subject(), {}, any_time).user, "u2");
}

TEST(Decide, asked_user_has_to_be_exactly_what_one_rule_yields)
{
    const auto set = compiled({rule("r1", {{Field::dns, "a.org"}}, "u1"), rule("r2", {{Field::dns, "*.org"}}, "u2")});
    const SubjectBuilder builder = SubjectBuilder().dns("a.org");
    EXPECT_EQ(set->decide(builder.subject(), "u1", any_time).rule, "r1");
    EXPECT_EQ(set->decide(builder.subject(), "u2", any_time).rule, "r2");
    EXPECT_EQ(set->decide(builder.subject(), "u2", any_time).user, "u2");
    for (const std::string_view other : {"u", "u11", "U1", "", " u1", "default"})
    {
        const Decision decision = set->decide(builder.subject(), other, any_time);
        EXPECT_EQ(decision.reason, Reason::other_user) << other;
        EXPECT_THAT(decision.message, HasSubstr("'r1'"));
        EXPECT_TRUE(decision.user.empty());
    }
    EXPECT_EQ(set->decide(SubjectBuilder().dns("a.net").subject(), "u1", any_time).reason, Reason::no_rule);
}

TEST(Decide, captures_of_all_matchers_fill_the_template)
{
    const auto set = compiled({rule(
        "r", {{Field::spiffe_id, "spiffe://prod/ns/{ns}/sa/{sa}"}, {Field::subject, "regex:O=(?P<org>[a-z]+)"}},
        "{{{org}}}.{ns}_{sa}")});
    const SubjectBuilder builder = SubjectBuilder().svid("spiffe://prod/ns/web/sa/api", "prod").names("O=acme", "");
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).user, "{acme}.web_api");
}

TEST(Decide, captures_of_names_that_ignore_case_are_in_lower_case)
{
    const auto set = compiled(
        {rule("d", {{Field::dns, "{Host}.Example.org"}}, "{Host}"),
         rule("e", {{Field::email, "{who}@{dept}.example.org"}}, "{who}-{dept}")});
    EXPECT_EQ(set->decide(SubjectBuilder().dns("Web1.EXAMPLE.org").subject(), {}, any_time).user, "web1");
    EXPECT_EQ(set->decide(SubjectBuilder().email("Bob@HR.Example.org").subject(), {}, any_time).user, "Bob-hr");
}

TEST(Decide, one_rule_that_captures_two_names_is_ambiguous)
{
    const auto set = compiled({rule("r", {{Field::dns, "{host}.example.org"}}, "{host}")});
    const SubjectBuilder two = SubjectBuilder().dns("a.example.org").dns("b.example.org").dns("b.other.org");
    const Decision decision = set->decide(two.subject(), {}, any_time);
    EXPECT_EQ(decision.reason, Reason::ambiguous);
    EXPECT_THAT(decision.message, AllOf(HasSubstr("'r'"), HasSubstr("'a'"), HasSubstr("'b'")));
    EXPECT_EQ(set->decide(two.subject(), "a", any_time).user, "a");
    EXPECT_EQ(set->decide(two.subject(), "b", any_time).user, "b");
    EXPECT_EQ(set->decide(two.subject(), "c", any_time).reason, Reason::other_user);
    EXPECT_EQ(set->decide(SubjectBuilder().dns("a.example.org").dns("b.other.org").subject(), {}, any_time).user, "a");
    EXPECT_EQ(set->decide(SubjectBuilder().dns("a.example.org").dns("A.example.org").subject(), {}, any_time).user, "a");
}

TEST(Decide, the_same_capture_twice_wants_the_same_text)
{
    const auto joined = compiled({rule("r", {{Field::dns, "{svc}.example.org"}, {Field::uri, "https://h/{svc}"}}, "{svc}")});
    const SubjectBuilder same = SubjectBuilder().dns("a.example.org").dns("b.example.org").uri("https://h/b").uri("https://h/c");
    EXPECT_EQ(joined->decide(same.subject(), {}, any_time).user, "b");
    EXPECT_EQ(
        joined->decide(SubjectBuilder().dns("a.example.org").uri("https://h/b").subject(), {}, any_time).reason, Reason::no_rule);
    const auto within = compiled({rule("r", {{Field::dns, "{a}.{a}.org"}}, "u")});
    EXPECT_TRUE(within->decide(SubjectBuilder().dns("x.x.org").subject(), {}, any_time).accepted());
    EXPECT_FALSE(within->decide(SubjectBuilder().dns("x.y.org").subject(), {}, any_time).accepted());
}

TEST(Decide, an_invalid_result_refuses_and_names_the_rule_even_where_another_rule_would_do)
{
    const auto set = compiled(
        {rule("grab", {{Field::common_name, "regex:(?s)(?P<x>.*)!"}}, "u{x}"), rule("other", {{Field::dns, "a.org"}}, "bob")});
    const auto with = [](std::string common_name)
    {
        return SubjectBuilder().common_name(std::move(common_name)).dns("a.org");
    };
    EXPECT_EQ(set->decide(SubjectBuilder().dns("a.org").subject(), {}, any_time).user, "bob");
    for (const std::string & bad :
         {std::string("!"), std::string("a\nb!"), std::string(256, 'a') + "!", std::string("\xc2\x85!")})
    {
        const Decision decision = set->decide(with(bad).subject(), {}, any_time);
        EXPECT_EQ(decision.reason, Reason::no_rule) << bad;
        EXPECT_THAT(decision.message, HasSubstr("'grab'"));
        // Who asks for a user that another rule yields is that user: no choice is left to the broken rule.
        EXPECT_EQ(set->decide(with(bad).subject(), "bob", any_time).user, "bob");
    }
    EXPECT_EQ(
        set->decide(with(std::string(255, 'a') + "!").subject(), "u" + std::string(255, 'a'), any_time).reason, Reason::valid);
}

TEST(Decide, an_absent_issuer_key_or_common_name_matches_nothing)
{
    const auto set = compiled(
        {rule("k", {{Field::issuer_spki_sha256, std::string(64, '0')}}, "u"), rule("c", {{Field::common_name, "regex:.*"}}, "v"),
         rule("s", {{Field::subject, "regex:.*"}}, "w")});
    SubjectBuilder builder;
    builder.facts().subject_empty = true;
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).reason, Reason::no_rule);
    builder.issuer_spki(0);
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).user, "u");
}

TEST(Decide, many_rules_behind_one_pattern_are_all_seen)
{
    std::vector<RuleText> rules;
    for (int i = 0; i < 100; ++i)
        rules.push_back(rule(
            "r" + std::to_string(i), {{Field::dns, "*.org"}, {Field::serial, std::to_string(i + 10)}}, "u" + std::to_string(i)));
    rules.push_back(rule("both", {{Field::dns, "*.org"}, {Field::common_name, "x"}}, "u7"));
    const auto set = compiled(std::move(rules));
    EXPECT_EQ(set->decide(SubjectBuilder().dns("a.org").serial("42").subject(), {}, any_time).rule, "r32");
    EXPECT_EQ(set->decide(SubjectBuilder().dns("a.org").serial("17").common_name("x").subject(), {}, any_time).rule, "r7");
    EXPECT_EQ(
        set->decide(SubjectBuilder().dns("a.org").serial("18").common_name("x").subject(), {}, any_time).reason,
        Reason::ambiguous);
}

// Explanations ------------------------------------------------------------------------------------------------------------------

TEST(Explain, every_rule_in_order_with_what_it_looked_at)
{
    const auto set = compiled(
        {rule("hit", {{Field::dns, "*.org"}}, "u"), rule("miss", {{Field::dns, "*.org"}, {Field::uri, "urn:x"}}, "v"),
         rule("none", {{Field::email, "a@b"}}, "w"), rule("two", {{Field::dns, "{a}.org"}}, "{a}"),
         rule("join", {{Field::dns, "{a}.org"}, {Field::uri, "https://h/{a}"}}, "{a}")});
    const auto traces = set->explain(SubjectBuilder().dns("a.org").dns("b.org").uri("https://h/c").subject(), any_time);
    ASSERT_EQ(traces.size(), 5U);
    EXPECT_TRUE(traces[0].matched);
    EXPECT_EQ(traces[0].user, "u");
    EXPECT_EQ(traces[0].source, "test: hit");
    EXPECT_THAT(traces[0].detail, AllOf(HasSubstr("*.org"), HasSubstr("a.org")));
    EXPECT_FALSE(traces[1].matched);
    EXPECT_THAT(traces[1].detail, AllOf(HasSubstr("uri"), HasSubstr("urn:x"), HasSubstr("https://h/c")));
    EXPECT_THAT(traces[2].detail, HasSubstr("none"));
    EXPECT_TRUE(traces[3].matched);
    EXPECT_THAT(traces[3].detail, HasSubstr("several users: 'a', 'b'"));
    EXPECT_FALSE(traces[4].matched);
    EXPECT_THAT(traces[4].detail, HasSubstr("differ"));
}

// Refused at load ---------------------------------------------------------------------------------------------------------------

struct LoadCase
{
    std::string name;
    std::vector<RuleText> refused;
    std::vector<RuleText> twin;
    std::string finding;
};

void PrintTo(const LoadCase & c, std::ostream * out)
{
    *out << c.name;
}

class RefusedAtLoad : public testing::TestWithParam<LoadCase>
{
};

TEST_P(RefusedAtLoad, with_its_source)
{
    const LoadCase & c = GetParam();
    const std::string found = findings(c.refused);
    EXPECT_THAT(found, AllOf(HasSubstr(c.finding), HasSubstr("test: " + c.refused.back().name)));
    EXPECT_EQ(findings(c.twin), "");
}

const std::vector<MatcherText> dns_a = {{Field::dns, "a"}};
const std::vector<MatcherText> dns_capture = {{Field::dns, "{x}"}};

INSTANTIATE_TEST_SUITE_P(
    refused, RefusedAtLoad,
    testing::ValuesIn(std::vector<LoadCase>{
        LoadCase{"no_name", {rule("", dns_a, "u")}, {rule("r", dns_a, "u")}, "name"},
        LoadCase{"long_name", {rule(std::string(129, 'a'), dns_a, "u")}, {rule(std::string(128, 'a'), dns_a, "u")}, "128 bytes"},
        LoadCase{"no_matcher", {rule("r", {}, "u")}, {rule("r", dns_a, "u")}, "no matcher"},
        LoadCase{
            "bad_pattern", {rule("r", {{Field::dns, "a..b"}}, "u")}, {rule("r", {{Field::dns, "a.b"}}, "u")}, "empty component"},
        LoadCase{
            "name_twice",
            {rule("r", dns_a, "u"), rule("r", {{Field::dns, "b"}}, "u")},
            {rule("r", dns_a, "u"), rule("r2", {{Field::dns, "b"}}, "u")},
            "also the name of"},
        LoadCase{
            "matchers_twice",
            {rule("r", dns_a, "u"), rule("r2", {{Field::dns, "A"}}, "v")},
            {rule("r", dns_a, "u"), rule("r2", {{Field::common_name, "a"}}, "v")},
            "same matchers"},
        LoadCase{
            "matchers_twice_in_other_order",
            {rule("r", {{Field::dns, "a"}, {Field::uri, "b"}}, "u"), rule("r2", {{Field::uri, "b"}, {Field::dns, "a"}}, "u")},
            {rule("r", {{Field::dns, "a"}, {Field::uri, "b"}}, "u"), rule("r2", {{Field::uri, "a"}, {Field::dns, "b"}}, "u")},
            "same matchers"},
        LoadCase{
            "one_matcher_twice",
            {rule("r", {{Field::dns, "a"}, {Field::dns, "A"}}, "u")},
            {rule("r", {{Field::dns, "a"}, {Field::dns, "b"}}, "u")},
            "same matcher twice"},
        LoadCase{"empty_user", {rule("r", dns_a, "")}, {rule("r", dns_a, "u")}, "user: is empty"},
        LoadCase{"unknown_capture", {rule("r", dns_capture, "{y}")}, {rule("r", dns_capture, "{x}")}, "{y}"},
        LoadCase{"capture_of_another_case", {rule("r", dns_capture, "{X}")}, {rule("r", dns_capture, "{x}")}, "{X}"},
        LoadCase{
            "numbered_group",
            {rule("r", {{Field::dns, "regex:(a)"}}, "{1}")},
            {rule("r", {{Field::dns, "regex:(?P<n>a)"}}, "{n}")},
            "{1}"},
        LoadCase{"open_brace", {rule("r", dns_capture, "{x")}, {rule("r", dns_capture, "{{x")}, "brace"},
        LoadCase{"closing_brace", {rule("r", dns_capture, "x}")}, {rule("r", dns_capture, "x}}")}, "brace"},
        LoadCase{"long_user", {rule("r", dns_a, std::string(257, 'u'))}, {rule("r", dns_a, std::string(256, 'u'))}, "256 bytes"},
        LoadCase{
            "no_room_for_the_capture",
            {rule("r", dns_capture, std::string(256, 'u') + "{x}")},
            {rule("r", dns_capture, std::string(255, 'u') + "{x}")},
            "256 bytes"},
        LoadCase{"user_with_control", {rule("r", dns_a, "a\tb")}, {rule("r", dns_a, "a b")}, "control"},
        LoadCase{"user_not_utf8", {rule("r", dns_a, "a\xff")}, {rule("r", dns_a, "a\xc3\xbf")}, "UTF-8"},
        LoadCase{"user_with_nul", {rule("r", dns_a, std::string("a\0b", 3))}, {rule("r", dns_a, "ab")}, "control"},
        LoadCase{
            "user_can_be_empty",
            {rule("r", {{Field::dns, "regex:(?P<u>.*)"}}, "{u}")},
            {rule("r", {{Field::dns, "regex:(?P<u>.+)"}}, "{u}")},
            "can be empty"},
        LoadCase{
            "user_of_an_optional_group",
            {rule("r", {{Field::dns, "regex:a(?P<u>[()b]+)?"}}, "{u}")},
            {rule("r", {{Field::dns, "regex:a(?P<u>[()b]+)"}}, "{u}")},
            "can be empty"},
        LoadCase{
            "user_of_two_groups_that_can_be_empty",
            {rule("r", {{Field::dns, "regex:(?P<a>x*)(?P<b>(?:y|))"}}, "{a}{b}")},
            {rule("r", {{Field::dns, "regex:(?P<a>x*)(?P<b>y+)"}}, "{a}{b}")},
            "can be empty"}}),
    test::case_name);

TEST(Refused, all_findings_at_once)
{
    const auto set = RuleSet::compile(
        {rule("a", {{Field::dns, ""}, {Field::serial, "xyz"}}, "u"), rule("b", {}, "u"), rule("a", dns_a, ""),
         rule("ok", {{Field::dns, "z"}}, "u")});
    ASSERT_FALSE(set.has_value());
    std::vector<std::string> sources;
    for (const Error & error : set.error())
        sources.push_back(error.file);
    EXPECT_THAT(set.error(), testing::SizeIs(testing::Ge(5U)));
    EXPECT_THAT(sources, testing::Contains("test: a").Times(4));
    EXPECT_THAT(sources, testing::Contains("test: b"));
    EXPECT_THAT(sources, testing::Not(testing::Contains("test: ok")));
}

TEST(UserName, what_is_valid)
{
    for (const std::string & good :
         {std::string("a"), std::string("a b"), std::string(256, 'x'), std::string("Zo\xc3\xab"), std::string("{}/\\'\"")})
        EXPECT_TRUE(valid_user_name(good)) << good;
    for (const std::string & bad :
         {std::string(), std::string(257, 'x'), std::string("a\0", 2), std::string("\x1f"), std::string("\x7f"),
          std::string("\xc2\x80"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"), std::string("\xf5\x80\x80\x80"),
          std::string("\xc3")})
        EXPECT_FALSE(valid_user_name(bad)) << bad;
}

}
}
