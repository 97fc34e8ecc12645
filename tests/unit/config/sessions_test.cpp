// <mtls><sessions>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::HasSubstr;

auto parse(const std::string & section)
{
    return parse_server("<clickhouse><mtls>" + section + "</mtls></clickhouse>", "config.xml");
}

TEST(SessionsConfiguration, Default)
{
    EXPECT_EQ(parse("")->sessions.on_revoked, OnRevoked::now);
    EXPECT_EQ(parse("<sessions><on_revoked>now</on_revoked></sessions>")->sessions.on_revoked, OnRevoked::now);
}

TEST(SessionsConfiguration, AfterQuery)
{
    const auto settings = parse("<sessions><on_revoked>after_query</on_revoked><max_wait>2.5</max_wait></sessions>");
    ASSERT_TRUE(settings.has_value()) << describe(settings.error());
    EXPECT_EQ(settings->sessions.on_revoked, OnRevoked::after_query);
    EXPECT_EQ(settings->sessions.max_wait, std::chrono::milliseconds(2500));
}

TEST(SessionsConfiguration, OthersAreRefused)
{
    for (const auto & [section, word] : std::vector<std::pair<std::string, std::string>>{
             {"<sessions><on_revoked>never</on_revoked></sessions>", "now or after_query"},
             {"<sessions><max_wait>5</max_wait></sessions>", "no meaning"},
             {"<sessions><on_revoked>after_query</on_revoked><max_wait>0</max_wait></sessions>", "seconds"},
             {"<sessions><wait>5</wait></sessions>", "unknown key"}})
    {
        const auto settings = parse(section);
        ASSERT_FALSE(settings.has_value()) << section;
        EXPECT_THAT(describe(settings.error()), HasSubstr(word));
    }
}

}
}
