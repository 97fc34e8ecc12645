// <ssl_certificates> of users.xml.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mapping/clickhouse_users.h"
#include "mapping/values.h"
#include "mapping/work.h"
#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using test::SubjectBuilder;
using testing::HasSubstr;

UserCertificates section(std::vector<std::string> common_names, std::vector<std::string> subject_alt_names)
{
    return {"bob", std::move(common_names), std::move(subject_alt_names), false, "users.xml"};
}

std::shared_ptr<const ClickHouseUsers> compiled(std::vector<UserCertificates> users)
{
    auto result = ClickHouseUsers::compile(std::move(users));
    if (result)
        return *result;
    ADD_FAILURE() << describe(result.error());
    return nullptr;
}

struct EntryCase
{
    std::string name;
    std::string entry; ///< "CN:..." for common_name
    Field kind;
    std::string value;
    bool matches;
};

void PrintTo(const EntryCase & c, std::ostream * out)
{
    *out << c.entry << " against " << mapping::name(c.kind) << " '" << c.value << "'";
}

class Entry : public testing::TestWithParam<EntryCase>
{
};

TEST_P(Entry, as_clickhouse_means_it)
{
    const EntryCase & c = GetParam();
    const auto users
        = c.entry.starts_with("CN:") ? compiled({section({c.entry.substr(3)}, {})}) : compiled({section({}, {c.entry})});
    ASSERT_NE(users, nullptr);
    SubjectBuilder builder;
    builder.with(c.kind, c.value);
    std::string matched;
    EXPECT_EQ(users->matches(builder.subject(), "bob", &matched), c.matches);
    EXPECT_EQ(users->matches(builder.subject(), "bob", nullptr), c.matches);
    EXPECT_EQ(matched.empty(), !c.matches);
    const auto traces = users->explain(builder.subject(), "bob");
    ASSERT_EQ(traces.size(), 1U);
    EXPECT_EQ(traces[0].matched, c.matches);
    EXPECT_EQ(traces[0].user, c.matches ? "bob" : "");
    EXPECT_FALSE(traces[0].detail.empty());
}

INSTANTIATE_TEST_SUITE_P(
    common_name, Entry,
    testing::ValuesIn(std::vector<EntryCase>{
        EntryCase{"exact", "CN:host.domain.com:example_user", Field::common_name, "host.domain.com:example_user", true},
        EntryCase{"exact_is_byte_exact", "CN:client1", Field::common_name, "Client1", false},
        EntryCase{"star_is_one_label", "CN:*.corp.example.com", Field::common_name, "foo.corp.example.com", true},
        EntryCase{"star_is_not_two_labels", "CN:*.corp.example.com", Field::common_name, "evil.deep.corp.example.com", false},
        EntryCase{"star_is_not_nothing", "CN:*.corp.example.com", Field::common_name, ".corp.example.com", false},
        EntryCase{"star_spans_no_slash", "CN:*.corp.example.com", Field::common_name, "foo/bar.corp.example.com", false},
        EntryCase{"star_wants_what_stands_before_it", "CN:web-*.x", Field::common_name, "app-1.x", false},
        EntryCase{"star_wants_what_stands_behind_it", "CN:web-*.x", Field::common_name, "web-1.y", false},
        EntryCase{"a_name_with_a_star_is_nobodys", "CN:*.corp.example.com", Field::common_name, "*.corp.example.com", false},
        EntryCase{"a_name_of_a_star_is_nobodys", "CN:*", Field::common_name, "*", false},
        EntryCase{"star_as_part", "CN:web-*.x", Field::common_name, "web-1.x", true},
        EntryCase{"partial_star_is_not_nothing", "CN:web-*.x", Field::common_name, "web-.x", false},
        EntryCase{"overlap_does_not_count", "CN:aa*aa", Field::common_name, "aaa", false},
        EntryCase{"second_star_is_literal", "CN:*.*.x", Field::common_name, "a.b.x", false},
        EntryCase{"second_star_is_nobodys_either", "CN:*.*.x", Field::common_name, "a.*.x", false},
        EntryCase{"prefix_is_no_type_in_a_cn", "CN:DNS:a", Field::common_name, "DNS:a", true},
        EntryCase{"cn_never_looks_at_dns", "CN:a.org", Field::dns, "a.org", false}}),
    test::case_name);

INSTANTIATE_TEST_SUITE_P(
    subject_alt_name, Entry,
    testing::ValuesIn(std::vector<EntryCase>{
        EntryCase{"dns_exact", "DNS:host.domain.com", Field::dns, "host.domain.com", true},
        EntryCase{"dns_is_byte_exact", "DNS:host.domain.com", Field::dns, "HOST.domain.com", false},
        EntryCase{"dns_star", "DNS:*.corp.example.com", Field::dns, "foo.corp.example.com", true},
        EntryCase{"a_dns_name_with_a_star_is_nobodys", "DNS:*.corp.example.com", Field::dns, "*.corp.example.com", false},
        EntryCase{"a_uri_may_have_a_star", "URI:urn:a*", Field::uri, "urn:a*", true},
        EntryCase{"dns_star_is_not_two_labels", "DNS:*.corp.example.com", Field::dns, "evil.deep.corp.example.com", false},
        EntryCase{"dns_star_is_not_nothing", "DNS:*.corp.example.com", Field::dns, ".corp.example.com", false},
        EntryCase{"dns_star_spans_no_slash", "DNS:*.corp.example.com", Field::dns, "foo/bar.corp.example.com", false},
        EntryCase{"dns_star_wants_what_stands_before_it", "DNS:db-*.corp", Field::dns, "ab-1.corp", false},
        EntryCase{"dns_never_looks_at_cn", "DNS:a.org", Field::common_name, "a.org", false},
        EntryCase{"dns_never_looks_at_uri", "DNS:a.org", Field::uri, "a.org", false},
        EntryCase{"uri_exact", "URI:spiffe://foo.com/bar", Field::uri, "spiffe://foo.com/bar", true},
        EntryCase{"uri_star", "URI:spiffe://bar.com/foo/*/far", Field::uri, "spiffe://bar.com/foo/baz/far", true},
        EntryCase{"uri_star_spans_dots", "URI:spiffe://bar.com/foo/*/far", Field::uri, "spiffe://bar.com/foo/b.a.z/far", true},
        EntryCase{
            "uri_star_of_another_domain", "URI:spiffe://bar.com/foo/*/far", Field::uri, "spiffe://baz.com/foo/baz/far", false},
        EntryCase{"uri_star_at_the_end_of_another_domain", "URI:spiffe://bar.com/*", Field::uri, "spiffe://baz.com/foo", false},
        EntryCase{"uri_star_spans_no_slash", "URI:spiffe://bar.com/foo/*/far", Field::uri, "spiffe://bar.com/foo/b/z/far", false},
        EntryCase{"uri_star_is_not_nothing", "URI:spiffe://bar.com/foo/*/far", Field::uri, "spiffe://bar.com/foo//far", false},
        EntryCase{"uri_with_nul_is_unusable", "URI:spiffe://a/*", Field::uri, std::string("spiffe://a/\0x", 13), false},
        EntryCase{"uri_never_looks_at_dns", "URI:a.org", Field::dns, "a.org", false},
        EntryCase{"email_exact", "EMAIL:bob@example.org", Field::email, "bob@example.org", true},
        EntryCase{"email_domain_ignores_case", "EMAIL:bob@Example.org", Field::email, "bob@eXAMPLE.org", true},
        EntryCase{"email_local_part_does_not", "EMAIL:bob@example.org", Field::email, "BOB@example.org", false},
        EntryCase{"email_star_is_no_wildcard", "EMAIL:*@example.org", Field::email, "bob@example.org", false},
        EntryCase{"email_star_is_itself", "EMAIL:*@example.org", Field::email, "*@example.org", true},
        EntryCase{"email_never_looks_at_dns", "EMAIL:example.org", Field::dns, "example.org", false},
        EntryCase{"no_prefix_matches_no_dns", "a.org", Field::dns, "a.org", false},
        EntryCase{"no_prefix_matches_no_uri", "spiffe://a/b", Field::uri, "spiffe://a/b", false},
        EntryCase{"bare_star_matches_no_uri", "*", Field::uri, "URI:x", false},
        EntryCase{"bare_star_matches_no_dns", "*", Field::dns, "a", false},
        EntryCase{"lower_case_prefix_is_none", "dns:a.org", Field::dns, "a.org", false},
        EntryCase{"unknown_prefix_matches_nothing", "IP:127.0.0.1", Field::dns, "127.0.0.1", false},
        EntryCase{"value_with_prefix_is_no_match_for_it", "DNS:a.org", Field::dns, "DNS:a.org", false}}),
    test::case_name);

TEST(ClickHouseUsers, any_entry_of_the_named_user_is_enough_and_no_other)
{
    auto alice = section({"alice", "*.a.org"}, {"URI:urn:alice"});
    alice.user = "alice";
    const auto users = compiled({section({"bob"}, {"DNS:b.org", "DNS:*.b.org"}), alice});
    const SubjectBuilder builder = SubjectBuilder().common_name("x").dns("z").dns("1.b.org");
    std::string matched;
    EXPECT_TRUE(users->matches(builder.subject(), "bob", &matched));
    EXPECT_EQ(matched, "subject_alt_name 'DNS:*.b.org'");
    EXPECT_FALSE(users->matches(builder.subject(), "alice", nullptr));
    EXPECT_FALSE(users->matches(builder.subject(), "", nullptr));
    EXPECT_FALSE(users->matches(builder.subject(), "Bob", nullptr));
    EXPECT_TRUE(users->matches(SubjectBuilder().uri("urn:alice").subject(), "alice", &matched));
    EXPECT_EQ(users->explain(builder.subject(), "bob").size(), 3U);
    EXPECT_EQ(users->explain(builder.subject(), "nobody").size(), 0U);
}

TEST(ClickHouseUsers, all_whom_a_certificate_is_up_to_a_number)
{
    auto alice = section({"x"}, {});
    alice.user = "alice";
    auto carol = section({"y"}, {"DNS:x.org"});
    carol.user = "carol";
    const auto users = compiled({section({"x"}, {}), alice, carol});
    const auto names = [&](const SubjectBuilder & builder, size_t most)
    {
        std::vector<std::string> result;
        for (const auto & [user, entry] : users->matching(builder.subject(), most))
            result.push_back(std::string(user) + ": " + entry);
        return result;
    };
    const SubjectBuilder all = SubjectBuilder().common_name("x").dns("x.org");
    EXPECT_THAT(
        names(all, 9),
        testing::ElementsAre("bob: common_name 'x'", "alice: common_name 'x'", "carol: subject_alt_name 'DNS:x.org'"));
    EXPECT_EQ(names(all, 2).size(), 2U);
    EXPECT_TRUE(names(SubjectBuilder().common_name("z"), 9).empty());
}

TEST(ClickHouseUsers, certificate_only_means_no_password_of_any_kind)
{
    auto with_password = section({"x"}, {});
    with_password.user = "carol";
    with_password.has_password = true;
    const auto users = compiled({section({"bob"}, {}), with_password});
    EXPECT_TRUE(users->certificate_only("bob"));
    EXPECT_FALSE(users->certificate_only("carol"));
    EXPECT_FALSE(users->certificate_only("nobody"));
}

TEST(ClickHouseUsers, what_matches_nothing_is_accepted_with_a_warning)
{
    const auto users = compiled({section({"*.*"}, {"*.corp.example.com", "EMAIL:*@a", "DNS:*.fine"})});
    ASSERT_EQ(users->warnings().size(), 3U);
    EXPECT_THAT(users->warnings()[0], HasSubstr("first '*'"));
    EXPECT_THAT(users->warnings()[1], HasSubstr("no type prefix"));
    EXPECT_THAT(users->warnings()[2], HasSubstr("ordinary character"));
}

TEST(ClickHouseUsers, refused_all_at_once)
{
    auto empty = section({}, {});
    empty.user = "empty";
    const auto users = ClickHouseUsers::compile({section({"", "fine"}, {"", "DNS:", "URI:x"}), empty, section({"again"}, {})});
    ASSERT_FALSE(users.has_value());
    EXPECT_EQ(users.error().size(), 5U) << describe(users.error());
    for (const Error & error : users.error())
    {
        EXPECT_EQ(error.file, "users.xml");
        EXPECT_FALSE(error.remedy.empty());
    }
    compiled({section({"fine"}, {"URI:x"})});
}

TEST(ClickHouseUsers, too_many_comparisons_match_nothing)
{
    SubjectBuilder builder;
    for (size_t i = 0; i < max_names - 1; ++i)
        builder.dns("name" + std::to_string(i));
    builder.dns("last-one");
    for (const size_t wildcards : {size_t{1}, max_steps / max_names - 1, max_steps / max_names + 1})
    {
        std::vector<std::string> entries;
        for (size_t i = 0; i < wildcards; ++i)
            entries.push_back("DNS:other" + std::to_string(i) + "-*");
        entries.emplace_back("DNS:last-*");
        const auto users = compiled({section({}, entries)});
        EXPECT_EQ(users->matches(builder.subject(), "bob", nullptr), wildcards < max_steps / max_names) << wildcards;
    }
}

TEST(ClickHouseUsers, too_many_names_match_nothing)
{
    const auto users = compiled({section({}, {"DNS:a", "DNS:*.b"})});
    SubjectBuilder builder;
    builder.dns("a");
    EXPECT_TRUE(users->matches(builder.subject(), "bob", nullptr));
    for (int i = 0; i < 10000; ++i)
        builder.dns("a");
    EXPECT_FALSE(users->matches(builder.subject(), "bob", nullptr));
    EXPECT_FALSE(users->explain(builder.subject(), "bob")[0].matched);
}

struct SvidEntryCase
{
    std::string name;
    std::vector<std::string> common_names;
    std::vector<std::string> subject_alt_names;
    bool matches;
};

class SvidEntry : public testing::TestWithParam<SvidEntryCase>
{
};

/// An authority of a trust domain vouches for IDs of its own; every other name it may have made up.
TEST_P(SvidEntry, only_the_id_counts)
{
    const SvidEntryCase & c = GetParam();
    const auto users = compiled({section(c.common_names, c.subject_alt_names)});
    ASSERT_NE(users, nullptr);
    SubjectBuilder certificate;
    certificate.common_name("alice").dns("a.example").email("a@example").uri("spiffe://partner.org/ns/web");
    ASSERT_TRUE(users->matches(certificate.subject(), "bob", nullptr)) << "an ordinary certificate";
    certificate.svid("spiffe://partner.org/ns/web", "partner.org");
    EXPECT_EQ(users->matches(certificate.subject(), "bob", nullptr), c.matches);
    const auto traces = users->explain(certificate.subject(), "bob");
    ASSERT_EQ(traces.size(), 1U);
    EXPECT_EQ(traces[0].matched, c.matches);
    if (!c.matches)
    {
        EXPECT_THAT(traces[0].detail, HasSubstr("partner.org"));
    }
}

INSTANTIATE_TEST_SUITE_P(
    of, SvidEntry,
    testing::ValuesIn(std::vector<SvidEntryCase>{
        {"common_name", {"alice"}, {}, false},
        {"common_name_star", {"al*"}, {}, false},
        {"dns", {}, {"DNS:a.example"}, false},
        {"dns_star", {}, {"DNS:*.example"}, false},
        {"email", {}, {"EMAIL:a@example"}, false},
        {"id", {}, {"URI:spiffe://partner.org/ns/web"}, true},
        {"id_star", {}, {"URI:spiffe://partner.org/ns/*"}, true},
        {"star_for_the_scheme", {}, {"URI:*//partner.org/ns/web"}, false},
    }),
    test::case_name);

}
}
