// The notation of rules files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

TEST(RuleLine, full_form)
{
    const auto rule = parse_rule_line(
        R"(web-1.a: dns="*.example.org" uri = 'spiffe://x/{svc}' common_name=regex:a+ -> "svc_{svc}"  # who knows)", "f:3");
    ASSERT_TRUE(rule.has_value()) << rule.error().describe();
    EXPECT_EQ(rule->name, "web-1.a");
    EXPECT_EQ(rule->user, "svc_{svc}");
    EXPECT_EQ(rule->source, "f:3");
    EXPECT_THAT(
        rule->matchers, testing::ElementsAre(
                            MatcherText{Field::dns, "*.example.org"}, MatcherText{Field::uri, "spiffe://x/{svc}"},
                            MatcherText{Field::common_name, "regex:a+"}));
}

TEST(RuleLine, every_field_by_its_name)
{
    for (int i = 0; i < 11; ++i)
    {
        const auto field = static_cast<Field>(i);
        const auto rule = parse_rule_line("r: " + std::string(name(field)) + "=x -> u", "f");
        ASSERT_TRUE(rule.has_value()) << rule.error().describe();
        EXPECT_EQ(rule->matchers.at(0).field, field);
    }
}

struct TextCase
{
    std::string name;
    std::string written;
    std::string meant;
};

void PrintTo(const TextCase & c, std::ostream * out)
{
    *out << c.written;
}

class RuleLineText : public testing::TestWithParam<TextCase>
{
};

TEST_P(RuleLineText, means)
{
    const auto rule = parse_rule_line("r: subject=" + GetParam().written + " -> u", "f");
    ASSERT_TRUE(rule.has_value()) << rule.error().describe();
    EXPECT_EQ(rule->matchers.at(0).pattern, GetParam().meant);
}

INSTANTIATE_TEST_SUITE_P(
    forms, RuleLineText,
    testing::ValuesIn(std::vector<TextCase>{
        TextCase{"bare", "CN=a,O=b", "CN=a,O=b"}, TextCase{"double_quotes", R"("CN=a b")", "CN=a b"},
        TextCase{"escaped_quote", R"("a\"b")", "a\"b"}, TextCase{"escaped_backslash", R"("a\\d")", "a\\d"},
        TextCase{"escaped_controls", R"("\t\n\r")", "\t\n\r"}, TextCase{"escaped_hex", R"("\x41\x7f")", "A\x7f"},
        TextCase{"hash_in_quotes", R"("a#b")", "a#b"}, TextCase{"arrow_in_quotes", R"("a -> b")", "a -> b"},
        TextCase{"single_quotes_are_raw", R"('regex:\d+"\x41')", R"(regex:\d+"\x41)"}, TextCase{"empty", R"("")", ""},
        TextCase{"utf8", "\"CN=Zo\xc3\xab\"", "CN=Zo\xc3\xab"}, TextCase{"arrow_inside_a_word", "a->b", "a->b"}}),
    test::case_name);

struct BadCase
{
    std::string name;
    std::string line;
    std::string reason;
    std::string column;
};

void PrintTo(const BadCase & c, std::ostream * out)
{
    *out << c.line.substr(0, 80);
}

class RuleLineRefused : public testing::TestWithParam<BadCase>
{
};

TEST_P(RuleLineRefused, with_column_and_remedy)
{
    const auto rule = parse_rule_line(GetParam().line, "rules.txt:7");
    ASSERT_FALSE(rule.has_value());
    EXPECT_EQ(rule.error().file, "rules.txt:7");
    EXPECT_THAT(rule.error().reason, testing::HasSubstr(GetParam().reason));
    EXPECT_EQ(rule.error().field, GetParam().column);
    EXPECT_FALSE(rule.error().remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(
    refused, RuleLineRefused,
    testing::ValuesIn(std::vector<BadCase>{
        BadCase{"no_name", ": dns=a -> u", "name expected", "column 1"}, BadCase{"no_colon", "r dns=a -> u", "':'", "column 3"},
        BadCase{"unknown_field", "r: dnsname=a -> u", "no field", "column 4"},
        BadCase{"field_of_other_case", "r: DNS=a -> u", "no field", "column 4"},
        BadCase{"no_equals", "r: dns a -> u", "'='", "column 8"},
        BadCase{"no_pattern", "r: dns= -> u", "a pattern expected", "column 9"},
        BadCase{"no_arrow", "r: dns=a u", "no field", "column 10"},
        BadCase{"nothing_but_arrow_missing", "r: dns=a", "'->'", "column 9"},
        BadCase{"no_user", "r: dns=a ->", "user expected", "column 12"},
        BadCase{"text_behind", "r: dns=a -> u v", "behind the user", "column 15"},
        BadCase{"open_double_quote", "r: dns=\"a -> u", "not closed", "column 8"},
        BadCase{"open_single_quote", "r: dns='a -> u", "not closed", "column 9"},
        BadCase{"unknown_escape", R"(r: dns="\d" -> u)", "escape", "column 11"},
        BadCase{"short_hex_escape", R"(r: dns="\x4" -> u)", "escape", "column 11"},
        BadCase{"nul", std::string("r: dns=\0 -> u", 13), "NUL", ""},
        BadCase{"too_long", "r: dns=" + std::string(70000, 'a') + " -> u", "64 KiB", ""}}),
    test::case_name);

TEST(RuleLine, print_then_parse_gives_the_same_rule)
{
    std::mt19937 random(20240229);
    const auto pick = [&](size_t below)
    {
        return std::uniform_int_distribution<size_t>(0, below - 1)(random);
    };
    const auto text = [&]
    {
        std::string out;
        for (size_t i = pick(12); i > 0; --i)
        {
            if (pick(4) == 0)
                out += static_cast<char>(1 + pick(255));
            else if (pick(3) == 0)
                out += "\"'\\#>- {}"[pick(9)];
            else
                out += static_cast<char>('a' + pick(26));
        }
        return out;
    };
    for (int round = 0; round < 20000; ++round)
    {
        RuleText rule{text() + "n", {}, text(), "f"};
        for (size_t i = pick(4); i > 0; --i)
            rule.matchers.push_back({static_cast<Field>(pick(11)), text()});
        const std::string line = print_rule_line(rule);
        const auto again = parse_rule_line(line, "f");
        ASSERT_TRUE(again.has_value()) << line << "\n" << again.error().describe();
        ASSERT_EQ(*again, rule) << line;
        ASSERT_EQ(print_rule_line(*again), line);
    }
}

TEST(RuleLine, no_byte_behind_a_rule_breaks_the_parser)
{
    for (int byte = 0; byte < 256; ++byte)
        for (const std::string base : {"r: dns=\"a\" -> \"u\"", "r: dns=a", "r", ""})
            for (size_t at = 0; at <= base.size(); ++at)
            {
                std::string line = base;
                line.insert(at, 1, static_cast<char>(byte));
                if (const auto rule = parse_rule_line(line, "f"))
                {
                    EXPECT_EQ(parse_rule_line(print_rule_line(*rule), "f"), *rule) << line;
                }
            }
}

TEST(RulesFile, one_rule_per_line_with_its_line_number)
{
    const auto rules
        = parse_rules_file("\xef\xbb\xbf# rules\r\n\r\na: dns=a -> u\r\n   # more\n\t\nb: dns=b -> v\n", "rules.txt");
    ASSERT_TRUE(rules.has_value()) << describe(rules.error());
    ASSERT_EQ(rules->size(), 2U);
    EXPECT_EQ(rules->at(0).source, "rules.txt:3");
    EXPECT_EQ(rules->at(1).source, "rules.txt:6");
    EXPECT_EQ(rules->at(0).user, "u");
}

TEST(RulesFile, empty_is_no_rules)
{
    EXPECT_EQ(parse_rules_file("", "f").value().size(), 0U);
    EXPECT_EQ(parse_rules_file("# nothing\n\n", "f").value().size(), 0U);
}

/// Cut anywhere but at the end of a line the file is refused, whatever half a line would mean.
TEST(RulesFile, of_which_the_last_line_has_no_end_is_not_taken)
{
    const std::string whole = "a: dns=a -> u\nboth: common_name=b -> v password=required\n# end\n";
    ASSERT_EQ(parse_rules_file(whole, "f").value().size(), 2U);
    for (size_t length = 1; length < whole.size(); ++length)
    {
        const std::string part = whole.substr(0, length);
        EXPECT_EQ(parse_rules_file(part, "f").has_value(), part.ends_with('\n')) << part;
    }
    const auto cut = parse_rules_file("a: dns=a -> u\nboth: common_name=b -> v", "f");
    EXPECT_EQ(cut.error().front().file, "f:2");
    EXPECT_THAT(cut.error().front().remedy, testing::HasSubstr("end the last line"));
    EXPECT_TRUE(parse_rules_file("a: dns=a -> u\n  ", "f").has_value()) << "blanks are no line";
}

TEST(RulesFile, all_errors_at_once)
{
    const auto rules = parse_rules_file("a: dns=a -> u\nx\nb: dns=b -> u\nc: cn=b -> u\n", "f");
    ASSERT_FALSE(rules.has_value());
    ASSERT_EQ(rules.error().size(), 2U);
    EXPECT_EQ(rules.error()[0].file, "f:2");
    EXPECT_EQ(rules.error()[1].file, "f:4");
}

TEST(RulesFile, of_something_else_does_not_flood_the_log)
{
    std::string junk;
    for (int i = 0; i < 5000; ++i)
        junk += "junk\n";
    const auto rules = parse_rules_file(junk, "f");
    ASSERT_FALSE(rules.has_value());
    EXPECT_EQ(rules.error().size(), 1001U);
    EXPECT_THAT(rules.error().back().reason, testing::HasSubstr("4000 more"));
}

}
}
