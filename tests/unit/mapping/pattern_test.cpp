// What each notation matches, field by field; each refusal has an accepted twin next to it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mapping/pattern.h"
#include "mapping/values.h"
#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using test::any_time;
using test::SubjectBuilder;

struct MatchCase
{
    std::string name;
    Field field;
    std::string pattern;
    std::string value;
    bool matches;
};

void PrintTo(const MatchCase & c, std::ostream * out)
{
    *out << mapping::name(c.field) << "='" << c.pattern << "' against '" << c.value << "'";
}

class Matches : public testing::TestWithParam<MatchCase>
{
};

TEST_P(Matches, as_written)
{
    const MatchCase & c = GetParam();
    const auto set = test::compiled({test::rule("r", {{c.field, c.pattern}}, "user")});
    ASSERT_NE(set, nullptr);
    SubjectBuilder builder;
    builder.with(c.field, c.value);
    for (const auto asked : {std::optional<std::string_view>(), std::optional<std::string_view>("user")})
    {
        EXPECT_EQ(set->decide(builder.subject(), asked, any_time).accepted(), c.matches);
        EXPECT_EQ(set->decide_one_by_one(builder.subject(), asked, any_time).accepted(), c.matches);
    }
    EXPECT_EQ(set->explain(builder.subject(), any_time).at(0).matched, c.matches);
}

const std::string spiffe = "spiffe://prod.example.org";

INSTANTIATE_TEST_SUITE_P(
    common_name, Matches,
    testing::ValuesIn(std::vector<MatchCase>{
        MatchCase{"exact", Field::common_name, "alice", "alice", true},
        MatchCase{"exact_is_case_sensitive", Field::common_name, "alice", "Alice", false},
        MatchCase{"exact_is_whole", Field::common_name, "alice", "alice2", false},
        MatchCase{"exact_with_blank_and_utf8", Field::common_name, "Zo\xc3\xab van Dijk", "Zo\xc3\xab van Dijk", true},
        MatchCase{"exact_with_doubled_dots", Field::common_name, "John Q. Public..", "John Q. Public..", true},
        MatchCase{"star_alone", Field::common_name, "*", "alice", true},
        MatchCase{"star_alone_spans_no_dot", Field::common_name, "*", "alice.smith", false},
        MatchCase{"star_is_one_label", Field::common_name, "*.example.org", "a.example.org", true},
        MatchCase{"star_is_not_two_labels", Field::common_name, "*.example.org", "a.b.example.org", false},
        MatchCase{"star_is_not_nothing", Field::common_name, "*.example.org", ".example.org", false},
        MatchCase{"star_is_not_missing", Field::common_name, "*.example.org", "example.org", false},
        MatchCase{"star_spans_no_slash", Field::common_name, "*.example.org", "a/b.example.org", false},
        MatchCase{"star_as_part", Field::common_name, "web-*.example.org", "web-1.example.org", true},
        MatchCase{"partial_star_is_not_nothing", Field::common_name, "web-*.example.org", "web-.example.org", false},
        MatchCase{"partial_star_spans_no_slash", Field::common_name, "web-*.example.org", "web-a/b.example.org", false},
        MatchCase{"partial_prefix_and_suffix_do_not_overlap", Field::common_name, "ab*ba.x", "aba.x", false},
        MatchCase{"partial_prefix_and_suffix", Field::common_name, "ab*ba.x", "abcba.x", true},
        MatchCase{"two_stars", Field::common_name, "*.*.org", "a.b.org", true},
        MatchCase{"capture", Field::common_name, "{user}.example.org", "bob.example.org", true},
        MatchCase{"capture_is_one_label", Field::common_name, "{user}.example.org", "a.bob.example.org", false},
        MatchCase{"capture_is_not_nothing", Field::common_name, "{user}.example.org", ".example.org", false},
        MatchCase{"regex", Field::common_name, "regex:a+", "aaa", true},
        MatchCase{"regex_is_whole_at_the_end", Field::common_name, "regex:a+", "aaab", false},
        MatchCase{"regex_is_whole_at_the_front", Field::common_name, "regex:a+", "baaa", false},
        MatchCase{"regex_alternatives_are_whole", Field::common_name, "regex:alice|bob", "bobby", false},
        MatchCase{"regex_is_case_sensitive", Field::common_name, "regex:alice", "ALICE", false},
        MatchCase{"regex_counts_code_points", Field::common_name, "regex:Zo.", "Zo\xc3\xab", true}}),
    test::case_name);

INSTANTIATE_TEST_SUITE_P(
    dns, Matches,
    testing::ValuesIn(std::vector<MatchCase>{
        MatchCase{"exact", Field::dns, "db1.example.org", "db1.example.org", true},
        MatchCase{"exact_ignores_case_of_name", Field::dns, "db1.example.org", "DB1.Example.ORG", true},
        MatchCase{"exact_ignores_case_of_pattern", Field::dns, "DB1.Example.ORG", "db1.example.org", true},
        MatchCase{"star_ignores_case", Field::dns, "*.Example.org", "db1.eXample.org", true},
        MatchCase{"partial_ignores_case", Field::dns, "DB*.example.org", "db1.example.org", true},
        MatchCase{"regex_ignores_case", Field::dns, "regex:DB[0-9]+\\.example\\.org", "db17.EXAMPLE.org", true},
        MatchCase{"case_is_ascii_only", Field::dns, "regex:.*", "\xc3\x84.org", true},
        MatchCase{"star_in_the_middle", Field::dns, "a.*.org", "a.b.org", true},
        MatchCase{"star_at_the_end", Field::dns, "a.example.*", "a.example.org", true},
        MatchCase{"star_is_not_two_labels", Field::dns, "*.example.org", "a.b.example.org", false},
        MatchCase{"longer_suffix_does_not_count", Field::dns, "*.example.org", "a.example.org.evil", false},
        MatchCase{"prefix_of_a_label_does_not_count", Field::dns, "*.example.org", "a.badexample.org", false},
        MatchCase{"a_wildcard_certificate_is_no_name", Field::dns, "*.example.org", "*.example.org", false},
        MatchCase{"exact_does_not_take_wildcard_certificate", Field::dns, "a.example.org", "*.example.org", false},
        MatchCase{"trailing_dot_is_another_name", Field::dns, "a.example.org", "a.example.org.", false}}),
    test::case_name);

INSTANTIATE_TEST_SUITE_P(
    uri, Matches,
    testing::ValuesIn(std::vector<MatchCase>{
        MatchCase{"exact", Field::uri, "urn:uuid:1-2", "urn:uuid:1-2", true},
        MatchCase{"exact_is_case_sensitive", Field::uri, "https://a/B", "https://a/b", false},
        MatchCase{"star_is_one_segment", Field::uri, "https://a/*/c", "https://a/b/c", true},
        MatchCase{"star_spans_dots", Field::uri, "https://a/*/c", "https://a/b.b.b/c", true},
        MatchCase{"star_spans_no_slash", Field::uri, "https://a/*/c", "https://a/b/b/c", false},
        MatchCase{"star_is_not_an_empty_segment", Field::uri, "https://a/*/c", "https://a//c", false},
        MatchCase{"star_as_authority", Field::uri, "https://*/c", "https://x.example.org/c", true},
        MatchCase{"partial", Field::uri, "https://a/svc-*/c", "https://a/svc-1.2/c", true},
        MatchCase{"partial_authority", Field::uri, "https://*.example.org/c", "https://x.y.example.org/c", true},
        MatchCase{"partial_is_not_nothing", Field::uri, "https://a/svc-*", "https://a/svc-", false},
        MatchCase{"trailing_slash_is_another_uri", Field::uri, "https://a/*", "https://a/b/", false},
        MatchCase{"trailing_slash_written", Field::uri, "https://a/*/", "https://a/b/", true},
        MatchCase{"blank_makes_a_uri_unusable", Field::uri, "regex:.*", "https://a/b c", false},
        MatchCase{"nul_makes_a_uri_unusable", Field::uri, "regex:(?s).*", std::string("https://a/\0b", 12), false},
        MatchCase{"non_ascii_makes_a_uri_unusable", Field::uri, "https://a/*", "https://a/\xc3\xab", false},
        MatchCase{"uri_sees_spiffe_ids_too", Field::uri, "spiffe://a/b", "spiffe://a/b", true}}),
    test::case_name);

INSTANTIATE_TEST_SUITE_P(
    spiffe_id, Matches,
    testing::ValuesIn(std::vector<MatchCase>{
        MatchCase{"exact", Field::spiffe_id, spiffe + "/a", spiffe + "/a", true},
        MatchCase{"star", Field::spiffe_id, spiffe + "/ns/*/sa/api", spiffe + "/ns/web/sa/api", true},
        MatchCase{"star_is_one_segment", Field::spiffe_id, spiffe + "/ns/*", spiffe + "/ns/web/sa", false},
        MatchCase{"rest_is_none", Field::spiffe_id, spiffe + "/**", spiffe, true},
        MatchCase{"rest_is_one", Field::spiffe_id, spiffe + "/**", spiffe + "/a", true},
        MatchCase{"rest_is_many", Field::spiffe_id, spiffe + "/**", spiffe + "/a/b/c/d", true},
        MatchCase{"rest_keeps_the_trust_domain", Field::spiffe_id, spiffe + "/**", spiffe + ".evil/a", false},
        MatchCase{"rest_in_the_middle_is_none", Field::spiffe_id, spiffe + "/a/**/z", spiffe + "/a/z", true},
        MatchCase{"rest_in_the_middle_is_many", Field::spiffe_id, spiffe + "/a/**/z", spiffe + "/a/b/c/z", true},
        MatchCase{"rest_in_the_middle_keeps_its_end", Field::spiffe_id, spiffe + "/a/**/z", spiffe + "/a/b/c/zz", false},
        MatchCase{"rest_does_not_share_a_segment", Field::spiffe_id, spiffe + "/a/**/a", spiffe + "/a", false},
        MatchCase{"rest_takes_no_empty_segment", Field::uri, "https://h/**", "https://h/a//b", false},
        MatchCase{"rest_takes_no_trailing_slash", Field::uri, "https://h/**", "https://h/a/", false},
        MatchCase{"rest_behind_opaque_scheme", Field::uri, "urn:a/**/z", "urn:a/b/z", true},
        MatchCase{"rest_then_star", Field::spiffe_id, spiffe + "/**/sa/*", spiffe + "/ns/x/sa/y", true},
        MatchCase{"rest_then_partial", Field::spiffe_id, spiffe + "/**/sa-*", spiffe + "/ns/x/sa-y", true},
        MatchCase{
            "longest_id", Field::spiffe_id, spiffe + "/**",
            spiffe +
                []
                {
                    std::string s;
                    while (s.size() < 2000)
                        s += "/a";
                    return s;
                }(),
            true}}),
    test::case_name);

INSTANTIATE_TEST_SUITE_P(
    other_fields, Matches,
    testing::ValuesIn(std::vector<MatchCase>{
        MatchCase{"email_exact", Field::email, "bob@example.org", "bob@example.org", true},
        MatchCase{"email_domain_ignores_case", Field::email, "bob@Example.org", "bob@eXample.org", true},
        MatchCase{"email_local_part_does_not", Field::email, "bob@example.org", "Bob@example.org", false},
        MatchCase{"email_star_local_part", Field::email, "*@example.org", "bob.smith@example.org", true},
        MatchCase{"email_star_local_part_with_slash", Field::email, "*@example.org", "a/b@example.org", true},
        MatchCase{"email_star_local_part_is_not_nothing", Field::email, "*@example.org", "@example.org", false},
        MatchCase{"email_star_local_part_keeps_the_domain", Field::email, "*@example.org", "bob@a.example.org", false},
        MatchCase{"email_partial_local_part", Field::email, "svc-*@example.org", "svc-1.2@example.org", true},
        MatchCase{"email_star_label", Field::email, "bob@*.example.org", "bob@mx.example.org", true},
        MatchCase{"email_star_label_is_one", Field::email, "bob@*.example.org", "bob@a.mx.example.org", false},
        MatchCase{"email_last_at_counts", Field::email, "*@example.org", "\"a@b\"@example.org", true},
        MatchCase{"email_without_at_never", Field::email, "*@*", "example.org", false},
        MatchCase{"trust_domain_exact", Field::trust_domain, "prod.example.org", "prod.example.org", true},
        MatchCase{"trust_domain_star", Field::trust_domain, "*.example.org", "prod.example.org", true},
        MatchCase{"trust_domain_star_is_one_label", Field::trust_domain, "*.example.org", "a.prod.example.org", false},
        MatchCase{"subject_exact", Field::subject, "CN=a,O=b", "CN=a,O=b", true},
        MatchCase{"subject_is_whole", Field::subject, "CN=a,O=b", "CN=a,O=b,C=NL", false},
        MatchCase{"subject_regex", Field::subject, "regex:CN=[a-z]+,O=b", "CN=abc,O=b", true},
        MatchCase{"issuer_exact", Field::issuer, "CN=CA", "CN=CA", true},
        MatchCase{"issuer_regex", Field::issuer, "regex:CN=CA [0-9]+", "CN=CA 12", true},
        MatchCase{"serial_exact", Field::serial, "1a2b", "1a2b", true},
        MatchCase{"serial_any_case_colons_and_leading_zeros", Field::serial, "00:1A:2B", "1a2b", true},
        MatchCase{"serial_zero", Field::serial, "000", "0", true},
        MatchCase{"serial_negative", Field::serial, "-1A", "-1a", true},
        MatchCase{"serial_sign_counts", Field::serial, "1A", "-1a", false},
        MatchCase{
            "fingerprint", Field::fingerprint_sha256,
            []
            {
                std::string s;
                for (int i = 0; i < 32; ++i)
                    s += "ab";
                return s;
            }(),
            "", true},
        MatchCase{
            "fingerprint_colons", Field::fingerprint_sha256,
            []
            {
                std::string s = "AB";
                for (int i = 0; i < 31; ++i)
                    s += ":AB";
                return s;
            }(),
            "", true},
        MatchCase{
            "fingerprint_other", Field::fingerprint_sha256,
            []
            {
                std::string s = "aa";
                for (int i = 0; i < 31; ++i)
                    s += "ab";
                return s;
            }(),
            "", false},
        MatchCase{
            "issuer_spki", Field::issuer_spki_sha256,
            []
            {
                std::string s;
                for (int i = 0; i < 32; ++i)
                    s += "ab";
                return s;
            }(),
            "", true}}),
    test::case_name);

/// Kinds never mix: a value of one field is seen by matchers of no other.
TEST(Kinds, never_mix)
{
    const std::vector<Field> fields = {Field::common_name, Field::dns,          Field::uri,     Field::email,
                                       Field::spiffe_id,   Field::trust_domain, Field::subject, Field::issuer};
    for (const Field wanted : fields)
        for (const Field given : fields)
        {
            const auto set = test::compiled({test::rule("r", {{wanted, "regex:.*"}}, "user")});
            SubjectBuilder builder;
            builder.facts().subject_empty = given != Field::subject;
            builder.with(given, "spiffe://example.org/x@y");
            EXPECT_EQ(set->decide(builder.subject(), std::nullopt, any_time).accepted(), wanted == given)
                << name(wanted) << " looked at " << name(given);
        }
}

TEST(Kinds, spiffe_id_is_not_taken_from_the_san)
{
    const auto set = test::compiled({test::rule("r", {{Field::spiffe_id, "spiffe://a/b"}}, "user")});
    EXPECT_FALSE(set->decide(SubjectBuilder().uri("spiffe://a/b").subject(), {}, any_time).accepted());
    EXPECT_TRUE(set->decide(SubjectBuilder().svid("spiffe://a/b", "a").subject(), {}, any_time).accepted());
}

struct RefusedCase
{
    std::string name;
    Field field;
    std::string pattern;
    std::string twin; ///< accepted
    std::string reason;
};

void PrintTo(const RefusedCase & c, std::ostream * out)
{
    *out << mapping::name(c.field) << "='" << c.pattern << "'";
}

std::string repeated(const std::string & part, int times)
{
    std::string all;
    for (int i = 0; i < times; ++i)
        all += part;
    return all;
}

/// "{a0}.{a1}. ... .org"
std::string captures(int count)
{
    std::string all;
    for (int i = 0; i < count; ++i)
        all += "{a" + std::to_string(i) + "}.";
    return all + "org";
}

std::string groups(int count)
{
    std::string all;
    for (int i = 0; i < count; ++i)
        all += "(?P<a" + std::to_string(i) + ">a)";
    return all;
}

class PatternRefused : public testing::TestWithParam<RefusedCase>
{
};

TEST_P(PatternRefused, at_load_with_reason_and_remedy)
{
    const RefusedCase & c = GetParam();
    const auto refused = Pattern::compile(c.field, c.pattern);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().reason, testing::HasSubstr(c.reason));
    EXPECT_FALSE(refused.error().remedy.empty());
    const auto accepted = Pattern::compile(c.field, c.twin);
    EXPECT_TRUE(accepted.has_value()) << (accepted ? "" : accepted.error().reason);
}

INSTANTIATE_TEST_SUITE_P(
    refused, PatternRefused,
    testing::ValuesIn(std::vector<RefusedCase>{
        RefusedCase{"empty", Field::dns, "", "a", "is empty"},
        RefusedCase{"empty_regex", Field::dns, "regex:", "regex:a", "empty regular expression"},
        RefusedCase{"bad_regex", Field::dns, "regex:(", "regex:()", "RE2"},
        RefusedCase{"lookahead", Field::dns, "regex:(?=a)b", "regex:(?:a)b", "RE2"},
        RefusedCase{"back_reference", Field::common_name, "regex:(a)\\1", "regex:(a)a", "RE2"},
        RefusedCase{"too_long", Field::common_name, std::string(4097, 'a'), std::string(4096, 'a'), "longer than"},
        RefusedCase{"two_stars_in_a_label", Field::dns, "a*b*.org", "a*.org", "more than one '*'"},
        RefusedCase{"rest_in_dns", Field::dns, "**.example.org", "*.example.org", "only uri and spiffe_id"},
        RefusedCase{"rest_in_cn", Field::common_name, "**", "*", "only uri and spiffe_id"},
        RefusedCase{"rest_glued", Field::spiffe_id, "spiffe://a/b**", "spiffe://a/b/**", "more than one '*'"},
        RefusedCase{"rest_twice", Field::spiffe_id, "spiffe://a/**/b/**", "spiffe://a/**/b/*", "more than one '**'"},
        RefusedCase{"rest_as_authority", Field::spiffe_id, "spiffe://**", "spiffe://*/**", "before the path"},
        RefusedCase{"rest_as_scheme", Field::uri, "**/a", "*/a", "before the path"},
        RefusedCase{"capture_of_a_part", Field::dns, "a-{x}.org", "{x}.org", "brace inside"},
        RefusedCase{"capture_without_name", Field::dns, "{}.org", "{_}.org", "brace inside"},
        RefusedCase{"capture_with_bad_name", Field::dns, "{1a}.org", "{a1}.org", "capture with the name"},
        RefusedCase{"open_brace", Field::dns, "{x.org", "{x}.org", "brace inside"},
        RefusedCase{"closing_brace", Field::dns, "x}.org", "x.org", "brace inside"},
        RefusedCase{"empty_label", Field::dns, "a..org", "a.org", "empty component"},
        RefusedCase{"leading_dot", Field::dns, ".org", "x.org", "empty component"},
        RefusedCase{"trailing_dot", Field::trust_domain, "a.", "a", "empty component"},
        RefusedCase{"empty_segment", Field::spiffe_id, "spiffe://a//b", "spiffe://a/b", "empty component"},
        RefusedCase{"empty_authority", Field::spiffe_id, "spiffe:///b", "spiffe://a/b", "empty component"},
        RefusedCase{"spiffe_of_another_scheme", Field::spiffe_id, "https://a/b", "spiffe://a/b", "spiffe://"},
        RefusedCase{"trust_domain_upper_case", Field::trust_domain, "Prod", "prod", "upper-case"},
        RefusedCase{"dns_not_ascii", Field::dns, "b\xc3\xbc.org", "xn--b-eha.org", "ASCII"},
        RefusedCase{"dns_blank", Field::dns, "a b", "a-b", "blanks"},
        RefusedCase{"uri_blank", Field::uri, "https://a/b c", "https://a/b%20c", "blanks"},
        RefusedCase{"cn_not_utf8", Field::common_name, "\xff", "\xc3\xbf", "UTF-8"},
        RefusedCase{"cn_control", Field::common_name, "a\nb", "a b", "control"},
        RefusedCase{"email_without_at", Field::email, "example.org", "*@example.org", "no '@'"},
        RefusedCase{"email_without_local_part", Field::email, "@example.org", "a@example.org", "empty component"},
        RefusedCase{"subject_star", Field::subject, "CN=*,O=a", "regex:CN=.*,O=a", "distinguished name"},
        RefusedCase{"issuer_capture", Field::issuer, "CN={x}", "regex:CN=(?P<x>.+)", "distinguished name"},
        RefusedCase{"too_many_components", Field::dns, repeated("a.", 64) + "*", repeated("a.", 63) + "*", "64 components"},
        RefusedCase{"too_many_captures", Field::dns, captures(17), captures(16), "16 captures"},
        RefusedCase{
            "too_many_groups", Field::common_name, "regex:" + repeated("(a)", 101), "regex:" + repeated("(a)", 16), "groups"},
        RefusedCase{"too_many_named_groups", Field::common_name, "regex:" + groups(17), "regex:" + groups(16), "16 named groups"},
        RefusedCase{
            "group_with_long_name", Field::common_name, "regex:(?P<" + std::string(65, 'a') + ">a)",
            "regex:(?P<" + std::string(64, 'a') + ">a)", "group with the name"},
        RefusedCase{
            "serial_too_long", Field::serial, std::string(4000, 'a'), std::string(40, 'a'), "longer than any serial number"},
        RefusedCase{"hex_wildcard", Field::serial, "1a*", "1a", "hexadecimal"},
        RefusedCase{"hex_regex", Field::serial, "regex:.*", "0", "hex field"},
        RefusedCase{"hex_only_colons", Field::serial, "::", "0", "hexadecimal"},
        RefusedCase{"digest_short", Field::fingerprint_sha256, std::string(62, 'a'), std::string(64, 'a'), "62 hex digits"},
        RefusedCase{"digest_long", Field::issuer_spki_sha256, std::string(66, 'a'), std::string(64, 'A'), "66 hex digits"},
        RefusedCase{
            "digest_negative", Field::fingerprint_sha256, "-" + std::string(64, 'a'), std::string(64, 'a'), "hexadecimal"}}),
    test::case_name);

TEST(PatternCaptures, are_views_in_order)
{
    const auto pattern = Pattern::compile(Field::spiffe_id, "spiffe://{td}/ns/{ns}/**/{last}");
    ASSERT_TRUE(pattern.has_value());
    EXPECT_THAT(pattern->captures(), testing::ElementsAre("td", "ns", "last"));
    const std::string value = "spiffe://a.b/ns/web/x/y/api";
    Captured captured;
    ASSERT_TRUE(pattern->matches(value, &captured));
    EXPECT_EQ(captured[0], "a.b");
    EXPECT_EQ(captured[1], "web");
    EXPECT_EQ(captured[2], "api");
    EXPECT_EQ(captured[2].data(), value.data() + value.size() - 3);
}

TEST(PatternCaptures, regex_groups_by_name)
{
    const auto pattern = Pattern::compile(Field::common_name, "regex:(x)?(?P<b>[a-z]+)-(?P<a>[0-9]*)");
    ASSERT_TRUE(pattern.has_value());
    EXPECT_THAT(pattern->captures(), testing::ElementsAre("b", "a"));
    EXPECT_FALSE(pattern->can_capture_nothing(0));
    EXPECT_TRUE(pattern->can_capture_nothing(1));
    Captured captured;
    ASSERT_TRUE(pattern->matches("abc-7", &captured));
    EXPECT_EQ(captured[0], "abc");
    EXPECT_EQ(captured[1], "7");
}

TEST(PatternRegex, a_few_bytes_do_not_become_a_large_program)
{
    for (const auto * text : {"regex:\\pL{60}", "regex:(\\pL{60}.{200})", "regex:(\\pL{30}){30}"})
    {
        const auto large = Pattern::compile(Field::common_name, text);
        ASSERT_FALSE(large.has_value()) << text;
        EXPECT_THAT(large.error().reason, testing::HasSubstr("too large a regular expression")) << text;
        EXPECT_THAT(large.error().remedy, testing::HasSubstr("[A-Za-z]")) << text;
    }
    for (const auto * text : {"regex:\\pL{10}", "regex:.{200}", "regex:\\w{1000}"})
        EXPECT_TRUE(Pattern::compile(Field::common_name, text).has_value()) << text;
}

}
}
