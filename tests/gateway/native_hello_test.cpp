#include <gtest/gtest.h>

#include <gateway/native_hello.h>

namespace
{

using namespace chmtls::gateway;

std::string varuint(uint64_t value)
{
    std::string out;
    for (; value >= 0x80; value >>= 7)
        out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    out.push_back(static_cast<char>(value));
    return out;
}

std::string text(std::string_view value)
{
    return varuint(value.size()).append(value);
}

std::string hello(std::string_view user, std::string_view password, std::string_view database = "db")
{
    return std::string(1, '\0') + text("client") + varuint(25) + varuint(8) + varuint(54488) + text(database) + text(user)
           + text(password);
}

TEST(NativeHello, IsReadInFull)
{
    const auto bytes = hello("alice", "secret");
    const auto parsed = parse_native_hello(bytes);
    ASSERT_EQ(parsed.state, HelloState::complete);
    EXPECT_EQ(parsed.hello.client_name, "client");
    EXPECT_EQ(parsed.hello.revision, 54488U);
    EXPECT_EQ(parsed.hello.database, "db");
    EXPECT_EQ(parsed.hello.user, "alice");
    EXPECT_EQ(parsed.hello.password, "secret");
    EXPECT_EQ(parsed.hello.credentials_end, bytes.size());
}

TEST(NativeHello, EveryPrefixIsIncomplete)
{
    const auto bytes = hello("alice", "secret");
    for (size_t size = 0; size < bytes.size(); ++size)
        EXPECT_EQ(parse_native_hello(std::string_view(bytes).substr(0, size)).state, HelloState::incomplete) << size;
}

TEST(NativeHello, OnlyTheTwoStringsAreReplaced)
{
    const auto bytes = hello("a", "b") + "what follows";
    const auto parsed = parse_native_hello(bytes);
    ASSERT_EQ(parsed.state, HelloState::complete);
    const std::string long_user(300, 'u');
    EXPECT_EQ(with_credentials(bytes, parsed.hello, long_user, ""), hello(long_user, "") + "what follows");
    EXPECT_EQ(with_credentials(bytes, parsed.hello, "a", "b"), bytes);
}

TEST(NativeHello, OverlongNumbersAreReadAsServersReadThem)
{
    const auto bytes = std::string("\x80\x00", 2) + hello("alice", "secret").substr(1);
    const auto parsed = parse_native_hello(bytes);
    ASSERT_EQ(parsed.state, HelloState::complete);
    EXPECT_EQ(parsed.hello.user, "alice");
}

TEST(NativeHello, HasBounds)
{
    const std::string longest(max_hello_string, 'x');
    const auto at_most = hello(longest, longest, longest);
    EXPECT_EQ(parse_native_hello(at_most).state, HelloState::complete);
    const auto too_long = hello(longest + "x", "");
    const auto parsed = parse_native_hello(too_long);
    EXPECT_EQ(parsed.state, HelloState::refused);
    EXPECT_NE(parsed.fault.find("4096"), std::string_view::npos);
    // Whatever comes, a decision is made within the bound.
    EXPECT_NE(parse_native_hello(std::string(max_hello_bytes, '\0')).state, HelloState::incomplete);
    EXPECT_NE(parse_native_hello(std::string(max_hello_bytes, '\x80')).state, HelloState::incomplete);
}

TEST(NativeHello, OtherPacketsAreRefused)
{
    for (unsigned type = 1; type < 128; ++type)
        EXPECT_EQ(parse_native_hello(std::string(1, static_cast<char>(type))).state, HelloState::refused) << type;
    EXPECT_NE(parse_native_hello("GET /").fault.find("HTTP"), std::string_view::npos);
}

TEST(NativeHello, MarkersAreWhateverStandsBetweenBlanks)
{
    EXPECT_EQ(marker_of(" INTERSERVER SECRET "), Marker::interserver_secret);
    for (const std::string_view user :
         {" INTERSERVER SECRET", "INTERSERVER SECRET ", " interserver secret ", " SSH KEY AUTHENTICATION x",
          " JWT AUTHENTICATION ", "\tx", "x\n", "\x7fx", " "})
        EXPECT_EQ(marker_of(user), Marker::unknown) << user;
    EXPECT_EQ(marker_of(std::string_view("\0x", 2)), Marker::unknown);
    for (const std::string_view user : {"", "alice", "a b", "\xc3\xa4"})
        EXPECT_EQ(marker_of(user), Marker::none) << user;
}

TEST(NativeHello, AnExceptionIsWhatServersSend)
{
    const auto packet = exception_packet(authentication_failed, "no");
    EXPECT_EQ(packet, std::string("\x02\x04\x02\x00\x00\x0d", 6) + "DB::Exception" + std::string("\x02no\x00\x00", 5));
}

}
