// What an SVID can be matched by: its trust domain's authority vouches for IDs of the domain, and may write anything else beside
// them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mapping/peer_rules.h"
#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using test::any_time;
using test::compiled;
using test::rule;
using test::SubjectBuilder;
using testing::HasSubstr;

constexpr std::string_view key_of_issuer = "abababababababababababababababababababababababababababababababab";

struct SvidCase
{
    std::string name;
    std::vector<MatcherText> matchers;
    bool matches; ///< the SVID; the ordinary certificate of the same names unless it needs an ID
    bool needs_id = false;
};

void PrintTo(const SvidCase & c, std::ostream * out)
{
    *out << c.name;
}

SubjectBuilder certificate()
{
    SubjectBuilder builder;
    builder.common_name("alice").dns("a.reports.example").email("a@example").uri("spiffe://partner.org/ns/web");
    builder.names("CN=alice", "CN=Machines").serial("1").fingerprint(0xab).issuer_spki(0xab);
    return builder;
}

class OfSvid : public testing::TestWithParam<SvidCase>
{
};

TEST_P(OfSvid, names_count_beside_something_of_the_domain_alone)
{
    const SvidCase & c = GetParam();
    const auto set = compiled({rule("r", c.matchers, "u")});
    ASSERT_NE(set, nullptr);
    const auto peers = PeerRules::compile({rule("r", c.matchers, "")});
    ASSERT_TRUE(peers.has_value());

    const SubjectBuilder ordinary = certificate();
    EXPECT_EQ(set->decide(ordinary.subject(), "u", any_time).accepted(), !c.needs_id);
    EXPECT_EQ((*peers)->match(ordinary.subject()).matched(), !c.needs_id);

    SubjectBuilder svid = certificate();
    svid.svid("spiffe://partner.org/ns/web", "partner.org");
    for (const std::optional<std::string_view> asked : {std::optional<std::string_view>(), std::optional<std::string_view>("u")})
    {
        EXPECT_EQ(set->decide(svid.subject(), asked, any_time).reason, c.matches ? Reason::valid : Reason::no_rule);
        EXPECT_EQ(set->decide_one_by_one(svid.subject(), asked, any_time).reason, c.matches ? Reason::valid : Reason::no_rule);
    }
    EXPECT_EQ((*peers)->match(svid.subject()).matched(), c.matches);
    const auto traces = set->explain(svid.subject(), any_time);
    ASSERT_EQ(traces.size(), 1U);
    EXPECT_EQ(traces[0].matched, c.matches);
    EXPECT_EQ(traces[0].user, c.matches ? "u" : "");
    if (!c.matches)
    {
        EXPECT_THAT(traces[0].detail, HasSubstr("partner.org"));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Of, OfSvid,
    testing::ValuesIn(std::vector<SvidCase>{
        {"common_name", {{Field::common_name, "alice"}}, false},
        {"dns", {{Field::dns, "a.reports.example"}}, false},
        {"dns_star", {{Field::dns, "*.reports.example"}}, false},
        {"dns_regex", {{Field::dns, "regex:.*reports.example"}}, false},
        {"email", {{Field::email, "a@example"}}, false},
        {"subject", {{Field::subject, "CN=alice"}}, false},
        {"issuer", {{Field::issuer, "CN=Machines"}}, false},
        {"serial", {{Field::serial, "1"}}, false},
        {"several_of_them", {{Field::dns, "*.reports.example"}, {Field::issuer, "CN=Machines"}}, false},
        {"uri_that_does_not_begin_as_an_id", {{Field::uri, "regex:.*/ns/web"}}, false},
        {"uri_of_an_id", {{Field::uri, "spiffe://partner.org/ns/*"}}, true},
        {"uri_by_regex", {{Field::uri, "regex:spiffe://partner[.]org/.*"}}, false},
        {"id", {{Field::spiffe_id, "spiffe://partner.org/ns/*"}}, true, true},
        {"id_and_name", {{Field::common_name, "alice"}, {Field::spiffe_id, "spiffe://partner.org/**"}}, true, true},
        {"domain_and_name", {{Field::trust_domain, "partner.org"}, {Field::dns, "*.reports.example"}}, true, true},
        {"another_domain_and_name", {{Field::trust_domain, "example.org"}, {Field::common_name, "alice"}}, false, true},
        {"key_of_the_issuer_and_name",
         {{Field::issuer_spki_sha256, std::string(key_of_issuer)}, {Field::common_name, "alice"}},
         true},
        {"fingerprint", {{Field::fingerprint_sha256, std::string(key_of_issuer)}}, true},
    }),
    test::case_name);

}
}
