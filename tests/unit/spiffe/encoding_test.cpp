#include <gtest/gtest.h>

#include "spiffe/base64.h"
#include "spiffe/json.h"

using namespace chmtls;
using spiffe::decode_base64;
using spiffe::decode_base64url;

namespace
{

std::string code_of(const std::string & text)
{
    const auto json = spiffe::parse_json(as_bytes(text), "t");
    return json ? "" : json.error().code;
}

}

TEST(Base64, KnownAnswers)
{
    // RFC 4648 10
    const std::pair<std::string, std::string> known[]{
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
    };
    for (const auto & [text, plain] : known)
    {
        const auto bytes = decode_base64(text);
        ASSERT_TRUE(bytes.has_value()) << text;
        EXPECT_EQ(as_text(*bytes), plain);
    }
    EXPECT_EQ(decode_base64("+/8="), (Bytes{0xfb, 0xff}));
    EXPECT_EQ(decode_base64url("-_8"), (Bytes{0xfb, 0xff}));
}

TEST(Base64, Refusals)
{
    for (const std::string text :
         {"A", "AA", "AAA", "AA=", "A===", "====", "AB==", "AAB=", "AA==AAAA", "-_8=", "A A=", "AAA\n", "AAAA\n", "=AAA", "AA=A"})
        EXPECT_FALSE(decode_base64(text).has_value()) << text;
    for (const std::string text : {"A", "AA==", "AB", "+/8", "A A"})
        EXPECT_FALSE(decode_base64url(text).has_value()) << text;
}

TEST(Base64, EveryByte)
{
    for (int c = 0; c < 256; ++c)
    {
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        const std::string text = std::string("AA") + static_cast<char>(c) + "A";
        EXPECT_EQ(decode_base64(text).has_value(), alphanumeric || c == '+' || c == '/') << c;
        EXPECT_EQ(decode_base64url(text).has_value(), alphanumeric || c == '-' || c == '_') << c;
    }
}

TEST(Json, NumbersKeepTheirBits)
{
    const auto number = [](const std::string & text)
    {
        const auto json = spiffe::parse_json(as_bytes("[" + text + "]"), "t");
        const auto * value = json ? json->as<spiffe::JsonArray>()->front().as<uint64_t>() : nullptr;
        return value == nullptr ? std::optional<uint64_t>{} : *value;
    };
    EXPECT_EQ(number("0"), 0u);
    EXPECT_EQ(number("9223372036854775807"), 9223372036854775807u);
    EXPECT_EQ(number("9223372036854775808"), 9223372036854775808u);
    EXPECT_EQ(number("18446744073709551615"), 18446744073709551615u);
    for (const std::string text : {"-1", "1.0", "1e3", "0.5", "\"1\"", "true", "null", "[1]"})
        EXPECT_EQ(number(text), std::nullopt) << text;
    EXPECT_EQ(code_of("[18446744073709551616]"), "JSON");
    EXPECT_EQ(code_of("[99999999999999999999999]"), "JSON");
    EXPECT_EQ(code_of("[-99999999999999999999999]"), "JSON");
    EXPECT_EQ(code_of("[\"99999999999999999999999\", \"\\\"99999999999999999999999\"]"), "");
    EXPECT_EQ(code_of("[0.3333333333333333333333333]"), "");
}

TEST(Json, Refusals)
{
    for (const std::string text :
         {"", " ", "{", "[1,]", "[01]", "[+1]", "[.5]", "[NaN]", "nul", "[1]]", "[1][2]", "{\"a\"}", "{\"a\":1,}", "{a:1}",
          "[\"\x01\"]", "[\"\xff\"]", "[\"\\x\"]", "[\"a]", "// x\n[]"})
        EXPECT_EQ(code_of(text), "JSON") << text;
    EXPECT_EQ(code_of("{\"a\":1,\"b\":{\"a\":2}}"), "");
    EXPECT_EQ(code_of("{\"b\":{\"a\":2,\"a\":2}}"), "DUPLICATE");
    EXPECT_EQ(code_of("[{\"a\":2},{\"a\":2}]"), "");
    EXPECT_EQ(code_of("{\"\":1,\"\":2}"), "DUPLICATE");
}

TEST(Json, DepthIsBounded)
{
    const auto nested = [](size_t depth)
    {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_EQ(code_of(nested(spiffe::max_json_depth)), "");
    EXPECT_EQ(code_of(nested(spiffe::max_json_depth + 1)), "JSON");
}
