#include <algorithm>

#include <gtest/gtest.h>

#include "credentials/ticket_keys.h"

namespace chmtls::credentials
{

namespace
{

constexpr UnixTime start{std::chrono::seconds(1'700'000'000)};

TicketKey root_of(uint8_t seed)
{
    TicketKey root;
    root.name.fill(seed);
    root.aes = SecretBytes(Bytes(32, seed));
    root.hmac = SecretBytes(Bytes(32, static_cast<uint8_t>(seed + 1)));
    return root;
}

TEST(TicketKeys, GrowOldAndEnd)
{
    const auto root = root_of(7);
    const auto key = ticket_key_at(root, start, {}, start);
    ASSERT_TRUE(key.has_value());

    const auto seconds = std::chrono::seconds(1);
    const struct
    {
        const char * name;
        UnixTime at;
        bool found;
        bool renew;
    } cases[]{
        {"at once", start, true, false},
        {"clock set back", start - std::chrono::hours(1), true, false},
        {"end of its age", start + ticket_key_age - seconds, true, false},
        {"in the next age", start + ticket_key_age, true, true},
        {"end of the next age", start + 2 * ticket_key_age - seconds, true, true},
        {"after two ages", start + 2 * ticket_key_age, false, false},
    };
    for (const auto & each : cases)
    {
        const auto found = ticket_key_at(root, start, key->name, each.at);
        ASSERT_EQ(found.has_value(), each.found) << each.name;
        if (!found)
            continue;
        EXPECT_EQ(found->renew, each.renew) << each.name;
        EXPECT_EQ(found->aes, key->aes) << each.name;
        EXPECT_EQ(found->hmac, key->hmac) << each.name;
    }

    const auto next = ticket_key_at(root, start, {}, start + ticket_key_age);
    ASSERT_TRUE(next.has_value());
    EXPECT_FALSE(next->renew);
    EXPECT_NE(next->name, key->name);
    EXPECT_NE(next->aes, key->aes);
    EXPECT_NE(next->hmac, key->hmac);
    EXPECT_NE(key->aes, key->hmac);
}

TEST(TicketKeys, OfAnotherGenerationAreNone)
{
    const auto one = root_of(7);
    const auto two = root_of(8);
    const auto key = ticket_key_at(one, start, {}, start);
    ASSERT_TRUE(key.has_value());
    EXPECT_TRUE(ticket_key_at(one, start, key->name, start).has_value());
    EXPECT_FALSE(ticket_key_at(two, start, key->name, start).has_value());
}

TEST(TicketKeys, AreRandom)
{
    const auto one = TicketKey::random();
    const auto two = TicketKey::random();
    EXPECT_NE(one.name, two.name);
    EXPECT_FALSE(std::ranges::equal(one.aes.view(), two.aes.view()));
    EXPECT_FALSE(std::ranges::equal(one.hmac.view(), two.hmac.view()));
    EXPECT_FALSE(std::ranges::equal(one.aes.view(), one.hmac.view()));
}

}

}
