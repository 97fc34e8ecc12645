#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/utf8.h"

using namespace chmtls;

TEST(Hex, PrintsLowerCaseWithoutSeparators)
{
    EXPECT_EQ(to_hex(Bytes{0x00, 0x0f, 0xa0, 0xff}), "000fa0ff");
    EXPECT_EQ(to_hex({}), "");
}

TEST(Hex, ReadsBackEveryByte)
{
    Bytes all(256);
    for (size_t i = 0; i < all.size(); ++i)
        all[i] = static_cast<uint8_t>(i);
    Bytes out;
    ASSERT_TRUE(from_hex(to_hex(all), out));
    EXPECT_EQ(out, all);
}

struct HexCase
{
    const char * name;
    const char * text;
    bool good;
    Bytes bytes;
};

class HexForms : public testing::TestWithParam<HexCase>
{
};

TEST_P(HexForms, AreReadOrRefused)
{
    Bytes out{1, 2, 3};
    EXPECT_EQ(from_hex(GetParam().text, out), GetParam().good);
    if (GetParam().good)
    {
        EXPECT_EQ(out, GetParam().bytes);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, HexForms,
    testing::Values(
        HexCase{"upper_case", "ABCD", true, {0xab, 0xcd}}, HexCase{"colons", "ab:cd:ef", true, {0xab, 0xcd, 0xef}},
        HexCase{"some_colons", "ab:cdef", true, {0xab, 0xcd, 0xef}}, HexCase{"empty", "", true, {}},
        HexCase{"odd_length", "abc", false, {}}, HexCase{"colon_first", ":ab", false, {}},
        HexCase{"colon_last", "ab:", false, {}}, HexCase{"two_colons", "ab::cd", false, {}},
        HexCase{"colon_inside_a_byte", "a:bcd", false, {}}, HexCase{"blank", "ab cd", false, {}},
        HexCase{"prefix", "0xab", false, {}}, HexCase{"no_digit", "ag", false, {}}),
    [](const auto & tested) { return std::string(tested.param.name); });

TEST(HexDigits, AreExactlyTwentyTwoOfAllBytes)
{
    size_t accepted = 0;
    Bytes out;
    for (int c = 0; c < 256; ++c)
        accepted += from_hex(std::string{'0', static_cast<char>(c)}, out) ? 1 : 0;
    EXPECT_EQ(accepted, 22u);
}

TEST(Digester, IsBlake2b256WithLengths)
{
    // BLAKE2b-256 over 02 00 00 00 00 00 00 00 61 62, computed with Python's hashlib.
    EXPECT_EQ(to_hex(Digester().add("ab").finish()), "0fae71c663c5380965a5744bf8db91ca789ee4953b06210f6c18992f267e38bb");
}

TEST(Digester, KeepsPartsApart)
{
    EXPECT_NE(Digester().add("ab").add("c").finish(), Digester().add("a").add("bc").finish());
    EXPECT_NE(Digester().add("ab").finish(), Digester().add("ab").add("").finish());
    EXPECT_EQ(Digester().add("ab").add("c").finish(), Digester().add("ab").add("c").finish());
}

TEST(ConstantTimeEquality, TellsEqualFromDifferent)
{
    EXPECT_TRUE(equal_constant_time({}, {}));
    EXPECT_TRUE(equal_constant_time(as_bytes("secret"), as_bytes("secret")));
    EXPECT_FALSE(equal_constant_time(as_bytes("secret"), as_bytes("secreT")));
    EXPECT_FALSE(equal_constant_time(as_bytes("secret"), as_bytes("secre")));
}

TEST(Random, DiffersEachTime)
{
    Digest32 left{};
    Digest32 right{};
    fill_random(left);
    fill_random(right);
    EXPECT_NE(left, right);
}

TEST(SecretBytes, HoldACopyUntilMoved)
{
    SecretBytes first(as_bytes("key"));
    EXPECT_EQ(as_text(first.view()), "key");
    SecretBytes second(std::move(first));
    EXPECT_EQ(as_text(second.view()), "key");
    EXPECT_TRUE(first.empty()); // NOLINT(bugprone-use-after-move): a moved-from secret must be empty, not dangling
    first = std::move(second);
    EXPECT_EQ(as_text(first.view()), "key");
    EXPECT_EQ(second.size(), 0u); // NOLINT(bugprone-use-after-move)
}

TEST(SecretBytes, BeginAsZerosAndOnlyShrink)
{
    SecretBytes bytes(16);
    for (const uint8_t byte : bytes.view())
        EXPECT_EQ(byte, 0);
    bytes.shrink(4);
    EXPECT_EQ(bytes.size(), 4u);
    bytes.shrink(400);
    EXPECT_EQ(bytes.size(), 4u);
}

TEST(SecretBytes, EmptyNeedsNoMemory)
{
    const SecretBytes empty(ByteView{});
    EXPECT_TRUE(empty.empty());
    EXPECT_EQ(empty.view().data(), nullptr);
}

TEST(SecretBytesDeathTest, CannotBeReadBehindTheirEnd)
{
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    const SecretBytes bytes(64);
    const volatile uint8_t * const data = bytes.view().data();
    EXPECT_DEATH(static_cast<void>(data[64]), "");
}

TEST(Wipe, LeavesZeros)
{
    std::array<uint8_t, 4> bytes{1, 2, 3, 4};
    wipe(bytes);
    EXPECT_EQ(bytes, (std::array<uint8_t, 4>{}));
    wipe({});
}

TEST(Utf8, RefusesEveryMalformedForm)
{
    EXPECT_TRUE(is_utf8("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92"));
    for (const char * bad :
         {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82",
          "\xff"})
        EXPECT_FALSE(is_utf8(bad)) << to_hex(as_bytes(bad));
}
