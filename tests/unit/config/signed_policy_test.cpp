// <mtls><signed_policy>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

auto parse(const std::string & section)
{
    return parse_server("<clickhouse><mtls><signed_policy>" + section + "</signed_policy></mtls></clickhouse>", "config.xml");
}

TEST(SignedPolicyConfiguration, IsRead)
{
    const auto settings = parse("<public_key>RWx</public_key><public_key>/k.pub</public_key><require>rules</require>"
                                "<require>crls</require><state_file>/var/s</state_file>");
    ASSERT_TRUE(settings.has_value()) << describe(settings.error());
    EXPECT_THAT(settings->signed_policy.public_keys, ElementsAre("RWx", "/k.pub"));
    EXPECT_THAT(settings->signed_policy.required, UnorderedElementsAre(PolicyFile::rules, PolicyFile::crls));
    EXPECT_EQ(settings->signed_policy.state_file, "/var/s");
}

TEST(SignedPolicyConfiguration, NothingMayBeMissingOrUnknown)
{
    const auto settings = parse("<requires>rules</requires>");
    ASSERT_FALSE(settings.has_value());
    const std::string all = describe(settings.error());
    for (const std::string word : {"no <public_key>", "no <require>", "no <state_file>", "did you mean <require>?"})
        EXPECT_THAT(all, HasSubstr(word));
    const auto word = parse("<public_key>RWx</public_key><require>rule</require><state_file>/var/s</state_file>");
    ASSERT_FALSE(word.has_value());
    EXPECT_THAT(describe(word.error()), HasSubstr("write rules, bundles or crls"));
}

}
}
