#include <optional>

#include <gtest/gtest.h>

#include <gateway/admissions.h>

namespace
{

using chmtls::gateway::Admissions;

TEST(Admissions, CountByAddressAndInAll)
{
    Admissions admissions({.connections = 4, .connections_per_address = 3, .handshakes = 3, .handshakes_per_address = 2});
    const char * refusal = nullptr;
    auto first = admissions.admit("a", refusal);
    auto second = admissions.admit("a", refusal);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(admissions.admit("a", refusal));
    EXPECT_STREQ(refusal, "limits.handshakes_per_address");

    first.logged_in();
    auto third = admissions.admit("a", refusal);
    EXPECT_TRUE(third);
    second.logged_in();
    EXPECT_FALSE(admissions.admit("a", refusal));
    EXPECT_STREQ(refusal, "limits.connections_per_address");

    auto other = admissions.admit("b", refusal);
    EXPECT_TRUE(other);
    EXPECT_FALSE(admissions.admit("c", refusal));
    EXPECT_STREQ(refusal, "limits.connections");
    EXPECT_EQ(admissions.connections(), 4U);
}

TEST(Admissions, PlacesAreGivenBackOnce)
{
    Admissions admissions({.connections = 10, .connections_per_address = 1, .handshakes = 1, .handshakes_per_address = 1});
    const char * refusal = nullptr;
    for (int i = 0; i < 3; ++i)
    {
        auto place = admissions.admit("a", refusal);
        ASSERT_TRUE(place);
        if (i == 1)
            place.logged_in();
        place.logged_in();
        auto moved = std::move(place);
        place = std::move(moved);
    }
    EXPECT_EQ(admissions.connections(), 0U);
}

}
