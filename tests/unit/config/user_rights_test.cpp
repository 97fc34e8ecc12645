// How users are held.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/user_rights.h"

namespace chmtls::config
{
namespace
{

constexpr const char * profiles = "<profiles><default/><one><readonly>1</readonly></one><two><profile>one</profile></two>"
                                  "<open><profile>one</profile><readonly>0</readonly></open>"
                                  "<loop><profile>loop</profile></loop></profiles>";

UserRights of(const std::string & inner)
{
    const auto users = read_user_rights(
        std::string("<clickhouse>") + profiles + "<users><u>" + inner + "</u></users></clickhouse>", "users.xml");
    EXPECT_EQ(users.size(), 1u);
    return users.empty() ? UserRights() : users.front();
}

TEST(UserRights, AnEmptyPasswordOpens)
{
    constexpr const char * of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    EXPECT_TRUE(of("<password></password>").open);
    EXPECT_TRUE(of("<password/>").open);
    EXPECT_TRUE(of("<no_password/>").open);
    EXPECT_TRUE(of(std::string("<password_sha256_hex>") + of_nothing + "</password_sha256_hex>").open);
    EXPECT_FALSE(of("").open) << "the patched server closes it";
    EXPECT_FALSE(of("<password>x</password>").open);
    EXPECT_FALSE(of("<password_sha256_hex>00</password_sha256_hex>").open);
}

TEST(UserRights, DatabasesAndReadonlyProfilesLimit)
{
    EXPECT_FALSE(of("").limited);
    EXPECT_FALSE(of("<allow_databases></allow_databases>").limited) << "means all of them";
    EXPECT_TRUE(of("<allow_databases><database>a</database></allow_databases>").limited);
    EXPECT_TRUE(of("<profile>one</profile>").limited);
    EXPECT_TRUE(of("<profile>two</profile>").limited);
    EXPECT_FALSE(of("<profile>open</profile>").limited);
    EXPECT_FALSE(of("<profile>loop</profile>").limited);
    EXPECT_FALSE(of("<profile>absent</profile>").limited);
}

TEST(UserRights, WhatLetsAUserIn)
{
    EXPECT_FALSE(of("").has_login);
    EXPECT_FALSE(of("<profile>default</profile>").has_login);
    for (const char * login :
         {"<password/>", "<password_sha256_hex>ab</password_sha256_hex>", "<no_password/>", "<ldap/>",
          "<ssl_certificates><common_name>a</common_name></ssl_certificates>"})
        EXPECT_TRUE(of(login).has_login) << login;
}

TEST(UserRights, NetworksThatAreEverywhere)
{
    EXPECT_FALSE(of("").from_anywhere) << "nobody at all, in ClickHouse 18";
    EXPECT_FALSE(of("<networks><ip>::1</ip><ip>10.0.0.0/8</ip><host>a/0</host></networks>").from_anywhere);
    EXPECT_TRUE(of("<networks><ip>::1</ip><ip> ::/0 </ip></networks>").from_anywhere);
    EXPECT_TRUE(of("<networks><ip>0.0.0.0/0</ip></networks>").from_anywhere);
}

TEST(UserRights, OfAllUsersOrNone)
{
    const auto users = read_user_rights("<yandex><users><a/><b/></users><users><c/></users></yandex>", "users.xml");
    ASSERT_EQ(users.size(), 3u);
    EXPECT_EQ(users[2].user, "c");
    EXPECT_TRUE(read_user_rights("", "users.xml").empty());
    EXPECT_TRUE(read_user_rights("<yandex>", "users.xml").empty());
}

}
}
