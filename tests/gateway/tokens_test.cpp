#include <set>

#include <gtest/gtest.h>

#include <gateway/token_endpoint.h>
#include <gateway/tokens.h>

namespace
{

using namespace chmtls::gateway;
using namespace std::chrono_literals;

TEST(Tokens, AreGoodOnceForOneUserWithinTheirTime)
{
    Tokens tokens;
    const auto now = Tokens::Clock::now();
    const auto first = tokens.issue("alice", now, 10s);
    const auto second = tokens.issue("alice", now, 10s);
    EXPECT_NE(first, second);
    EXPECT_EQ(first.size(), 64U);
    EXPECT_TRUE(tokens.redeem("alice", first, now + 9s));
    EXPECT_FALSE(tokens.redeem("alice", first, now + 9s));
    EXPECT_FALSE(tokens.redeem("alice", second, now + 10s));
    EXPECT_FALSE(tokens.redeem("alice", "", now));
}

TEST(Tokens, AreUsedUpByWhoeverShowsThem)
{
    Tokens tokens;
    const auto now = Tokens::Clock::now();
    const auto token = tokens.issue("alice", now, 10s);
    EXPECT_FALSE(tokens.redeem("alicex", token, now));
    EXPECT_FALSE(tokens.redeem("alice", token, now));
}

TEST(Tokens, ThatNobodyUsesAreForgotten)
{
    Tokens tokens;
    const auto begin = Tokens::Clock::now();
    for (int i = 0; i < 10000; ++i)
        tokens.issue("alice", begin + i * 1ms, 100ms);
    EXPECT_LE(tokens.size(), 101U);
}

TEST(BasicAuthorization, IsNameAndPassword)
{
    std::string user;
    std::string password;
    ASSERT_TRUE(decode_basic("Basic YWxpY2U6c2VjOnJldA==", user, password));
    EXPECT_EQ(user, "alice");
    EXPECT_EQ(password, "sec:ret");
    ASSERT_TRUE(decode_basic("bAsIc Og==", user, password));
    EXPECT_EQ(user, "");
    EXPECT_EQ(password, "");
    for (const std::string_view other :
         {"", "Basic", "Basic ", "Basic YWxpY2U", "Basic ====", "Basic YWxpY2U=", "Bearer YWxpY2U6c2VjOnJldA==", "Basic  YTpi"})
        EXPECT_FALSE(decode_basic(other, user, password)) << other;
}

}
