// <revocation>, for everything and for a trust domain.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using std::chrono::hours;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::SizeIs;

std::string server(std::string_view mtls)
{
    return fmt::format(
        "<clickhouse><tcp_port_secure>9440</tcp_port_secure><openSSL><server><privateKeyFile>/k.pem</privateKeyFile></server>"
        "</openSSL><mtls>{}</mtls></clickhouse>",
        mtls);
}

Settings parsed(std::string_view mtls)
{
    auto result = parse_server(server(mtls), "config.xml");
    EXPECT_TRUE(result.has_value()) << (result ? "" : describe(result.error()));
    return result ? *result : Settings();
}

TEST(RevocationConfiguration, DefaultsAreThoseOfAListThatHappensToBeThere)
{
    const RevocationSection section = parsed("").revocation;
    EXPECT_EQ(section.rule.policy, RevocationPolicy::if_present);
    EXPECT_EQ(section.rule.grace, seconds(0));
    EXPECT_EQ(section.rule.stale, StaleList::closed);
    EXPECT_EQ(section.warn_before, hours(1));
    EXPECT_TRUE(section.authorities.empty());
}

TEST(RevocationConfiguration, AuthoritiesAndTrustDomainsInherit)
{
    const Settings settings
        = parsed("<revocation><policy>require</policy><grace>2h</grace><warn_before>0</warn_before>"
                 "<authority><subject>CN=Old CA,O=Example</subject><policy>off</policy></authority>"
                 "<authority><subject>cn = Slow CA , o=A\\2c B</subject><stale>open</stale></authority></revocation>"
                 "<trust_domains><trust_domain><name>a.test</name><bundle>/a</bundle><crl>/a.crl</crl><crl>/a.d</crl>"
                 "<revocation><grace>0</grace></revocation></trust_domain>"
                 "<trust_domain><name>b.test</name><bundle>/b</bundle></trust_domain></trust_domains>");
    EXPECT_EQ(settings.revocation.warn_before, seconds(0));
    ASSERT_THAT(settings.revocation.authorities, SizeIs(2));
    const RevocationRule & old = settings.revocation.authorities.at("CN=Old CA,O=Example");
    EXPECT_EQ(old.policy, RevocationPolicy::off);
    EXPECT_EQ(old.grace, hours(2));
    const RevocationRule & slow = settings.revocation.authorities.at("CN=Slow CA,O=A\\, B");
    EXPECT_EQ(slow.policy, RevocationPolicy::require);
    EXPECT_EQ(slow.stale, StaleList::open);
    ASSERT_THAT(settings.trust_domains, SizeIs(2));
    EXPECT_THAT(settings.trust_domains[0].crl_files, ElementsAre("/a.crl", "/a.d"));
    EXPECT_EQ(settings.trust_domains[0].revocation.rule.grace, seconds(0));
    EXPECT_EQ(settings.trust_domains[0].revocation.rule.policy, RevocationPolicy::require);
    EXPECT_EQ(settings.trust_domains[1].revocation.rule.grace, hours(2));
}

struct RefusalCase
{
    std::string name;
    std::string revocation;
    std::string field;
    std::string reason;
};

void PrintTo(const RefusalCase & one, std::ostream * out)
{
    *out << one.name;
}

class RevocationRefusals : public testing::TestWithParam<RefusalCase>
{
};

TEST_P(RevocationRefusals, NameTheSetting)
{
    const auto result = parse_server(server("<revocation>" + GetParam().revocation + "</revocation>"), "config.xml");
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(
        result.error(),
        ElementsAre(AllOf(Field(&Error::field, GetParam().field), Field(&Error::reason, HasSubstr(GetParam().reason)))));
}

INSTANTIATE_TEST_SUITE_P(
    All, RevocationRefusals,
    testing::Values(
        RefusalCase{"UnknownKey", "<mode>off</mode>", "mtls.revocation.mode", "unknown key"},
        RefusalCase{"UnknownPolicy", "<policy>always</policy>", "mtls.revocation.policy", "unknown word"},
        RefusalCase{"UnknownStale", "<stale>maybe</stale>", "mtls.revocation.stale", "unknown word"},
        RefusalCase{"NegativeGrace", "<grace>-1</grace>", "mtls.revocation.grace", "no length of time"},
        RefusalCase{"NoSubject", "<authority><policy>off</policy></authority>", "mtls.revocation.authority", "no <subject>"},
        RefusalCase{
            "SubjectTwice", "<authority><subject>CN=a</subject></authority><authority><subject>cn=a </subject></authority>",
            "mtls.revocation.authority[1].subject", "given twice"},
        RefusalCase{
            "SubjectThatIsNoName", "<authority><subject>Issuing CA</subject></authority>", "mtls.revocation.authority.subject",
            "no distinguished name"},
        RefusalCase{
            "WarnBeforeOfAuthority", "<authority><subject>CN=a</subject><warn_before>1h</warn_before></authority>",
            "mtls.revocation.authority.warn_before", "unknown key"}),
    [](const auto & one) { return one.param.name; });

}
}
