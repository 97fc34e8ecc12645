// users.xml: the users that have <ssl_certificates>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string users(const std::string & inside)
{
    return "<clickhouse>\n<users>\n" + inside + "</users></clickhouse>";
}

std::vector<UserSection> parsed(const std::string & xml)
{
    auto result = parse_users(xml, "users.xml");
    EXPECT_TRUE(result.has_value()) << (result ? "" : describe(result.error()));
    return result ? *result : std::vector<UserSection>();
}

TEST(UsersConfiguration, NothingIsNobody)
{
    EXPECT_THAT(parsed(""), IsEmpty());
    EXPECT_THAT(parsed(users("<default><password></password></default>")), IsEmpty());
}

TEST(UsersConfiguration, ValuesAsWritten)
{
    const auto found = parsed(users("<default><password>x</password></default>\n<alice><ssl_certificates>"
                                    "<common_name>alice</common_name><common_name> b </common_name>"
                                    "<subject_alt_name>DNS:a.example</subject_alt_name></ssl_certificates></alice>\n"));
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].user, "alice");
    EXPECT_THAT(found[0].common_names, ElementsAre("alice", " b "));
    EXPECT_THAT(found[0].subject_alt_names, ElementsAre("DNS:a.example"));
    EXPECT_FALSE(found[0].has_password);
    EXPECT_EQ(found[0].source, "users.xml:4: users.alice.ssl_certificates");
}

TEST(UsersConfiguration, AnyOtherWayInCountsAsAPassword)
{
    for (const std::string key :
         {"password", "password_sha256_hex", "password_double_sha1_hex", "password_scram_sha256_hex", "no_password", "ldap",
          "kerberos", "ssh_keys", "http_authentication"})
    {
        const auto found = parsed(
            users("<a><ssl_certificates><common_name>a</common_name></ssl_certificates><" + key + "></" + key + "></a>"));
        ASSERT_THAT(found, SizeIs(1));
        EXPECT_TRUE(found[0].has_password) << key;
    }
    const auto other
        = parsed(users("<a><ssl_certificates><common_name>a</common_name></ssl_certificates><profile>default</profile></a>"));
    ASSERT_THAT(other, SizeIs(1));
    EXPECT_FALSE(other[0].has_password);
}

struct RefusalCase
{
    std::string name;
    std::string inside;
    std::string field;
    std::string reason;
};

void PrintTo(const RefusalCase & one, std::ostream * out)
{
    *out << one.name;
}

class UserRefusals : public testing::TestWithParam<RefusalCase>
{
};

TEST_P(UserRefusals, NameTheUser)
{
    const auto result = parse_users(users("<alice>" + GetParam().inside + "</alice>"), "users.xml");
    ASSERT_FALSE(result.has_value());
    ASSERT_THAT(result.error(), SizeIs(1));
    EXPECT_EQ(result.error()[0].field, GetParam().field);
    EXPECT_THAT(result.error()[0].reason, HasSubstr(GetParam().reason));
    EXPECT_THAT(result.error()[0].reason, HasSubstr("alice"));
}

INSTANTIATE_TEST_SUITE_P(
    All, UserRefusals,
    testing::Values(
        RefusalCase{
            "EmptyCommonName", "<ssl_certificates><common_name></common_name></ssl_certificates>",
            "users.alice.ssl_certificates.common_name", "empty"},
        RefusalCase{
            "BlankName", "<ssl_certificates><subject_alt_name> </subject_alt_name></ssl_certificates>",
            "users.alice.ssl_certificates.subject_alt_name", "empty"},
        RefusalCase{"EmptySection", "<ssl_certificates/>", "users.alice.ssl_certificates", "section is empty"},
        RefusalCase{
            "UnknownKey", "<ssl_certificates><dns>a</dns></ssl_certificates>", "users.alice.ssl_certificates.dns", "unknown key"},
        RefusalCase{
            "TwoSections",
            "<ssl_certificates><common_name>a</common_name></ssl_certificates><ssl_certificates><common_name>b</common_name></"
            "ssl_certificates>",
            "users.alice.ssl_certificates", "given 2 times"},
        RefusalCase{
            "Unresolved", "<ssl_certificates><common_name from_env=\"X\"/></ssl_certificates>",
            "users.alice.ssl_certificates.common_name", "not resolved"},
        RefusalCase{
            "DefinedTwice", "<ssl_certificates><common_name>a</common_name></ssl_certificates></alice><alice>", "users.alice",
            "defined 2 times"}),
    [](const auto & one) { return one.param.name; });

TEST(UsersConfiguration, AllFindingsAtOnce)
{
    const auto result = parse_users(
        users("<a><ssl_certificates><common_name/></ssl_certificates></a><b><ssl_certificates><common_name/></ssl_certificates></"
              "b>"),
        "users.xml");
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(result.error(), SizeIs(2));
}

TEST(UsersConfiguration, OtherRootIsRefused)
{
    EXPECT_FALSE(parse_users("<users/>", "users.xml").has_value());
    EXPECT_TRUE(parse_users("<yandex/>", "users.xml").has_value());
}

}
}
