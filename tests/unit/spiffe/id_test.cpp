#include <gtest/gtest.h>

#include <set>

#include "spiffe/id.h"

using namespace chmtls;
using spiffe::Id;
using spiffe::IdDefect;

namespace
{

std::string code_of(const std::string & text)
{
    const auto id = Id::parse(text);
    return id ? "VALID" : std::string(code(id.error()));
}

bool is_lower(int c)
{
    return c >= 'a' && c <= 'z';
}

bool is_upper(int c)
{
    return c >= 'A' && c <= 'Z';
}

bool is_plain(int c)
{
    return is_lower(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

}

TEST(SpiffeId, EveryByteInTheScheme)
{
    for (size_t at = 0; at < 9; ++at)
        for (int c = 0; c < 256; ++c)
        {
            std::string text = "spiffe://td/path";
            const bool same = text[at] == static_cast<char>(c);
            text[at] = static_cast<char>(c);
            EXPECT_EQ(code_of(text), same ? "VALID" : "SCHEME") << at << ' ' << c;
        }
}

TEST(SpiffeId, EveryByteInTheTrustDomain)
{
    for (int c = 0; c < 256; ++c)
    {
        const std::string text = std::string("spiffe://t") + static_cast<char>(c) + "d/path";
        std::string expected = "TD-CHARS";
        if (is_plain(c))
            expected = "VALID";
        else if (c == '/')
            expected = "VALID"; // the path begins earlier
        else if (is_upper(c))
            expected = "TD-CASE";
        else if (c == '%')
            expected = "TD-PERCENT";
        else if (c == '@')
            expected = "TD-USERINFO";
        else if (c == ':')
            expected = "TD-PORT";
        else if (c == '?')
            expected = "QUERY";
        else if (c == '#')
            expected = "FRAGMENT";
        else if (c >= 0x80)
            expected = "TD-NONASCII";
        EXPECT_EQ(code_of(text), expected) << c;
    }
}

TEST(SpiffeId, EveryByteInThePath)
{
    for (int c = 0; c < 256; ++c)
    {
        const std::string text = std::string("spiffe://td/pa") + static_cast<char>(c) + "th";
        std::string expected = "PATH-CHARS";
        if (is_plain(c) || is_upper(c) || c == '/')
            expected = "VALID";
        else if (c == '%')
            expected = "PATH-PERCENT";
        else if (c == '?')
            expected = "QUERY";
        else if (c == '#')
            expected = "FRAGMENT";
        else if (c >= 0x80)
            expected = "PATH-NONASCII";
        EXPECT_EQ(code_of(text), expected) << c;
    }
}

TEST(SpiffeId, EveryByteAlone)
{
    for (int c = 0; c < 256; ++c)
    {
        const std::string byte(1, static_cast<char>(c));
        EXPECT_EQ(code_of(byte), "SCHEME") << c;
        EXPECT_EQ(code_of("spiffe://" + byte) == "VALID", is_plain(c)) << c;
        EXPECT_EQ(code_of("spiffe://td/" + byte) == "VALID", (is_plain(c) || is_upper(c)) && c != '.') << c;
        EXPECT_NE(code_of("spiffe://td" + byte + "/"), "VALID") << c;
    }
}

TEST(SpiffeId, PartsOfTheWhole)
{
    const auto id = Id::parse("spiffe://example.org/a/b");
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(id->trust_domain(), "example.org");
    EXPECT_EQ(id->path(), "/a/b");
    EXPECT_EQ(id->text(), "spiffe://example.org/a/b");
    EXPECT_TRUE(*id == Id::parse("spiffe://example.org/a/b").value());
    EXPECT_FALSE(*id == Id::parse("spiffe://example.org/a/B").value());
    const Id copy = *id; // views are of the copy's own text
    EXPECT_EQ(copy.trust_domain(), "example.org");
}

TEST(SpiffeId, UserInformationWithAPasswordIsNoPort)
{
    EXPECT_EQ(code_of("spiffe://user:secret@td/path"), "TD-USERINFO");
    EXPECT_EQ(code_of("spiffe://td:80/pa@th"), "TD-PORT");
    EXPECT_EQ(code_of("spiffe://@td/path"), "TD-USERINFO");
}

TEST(SpiffeId, EveryDefectHasItsOwnCodeAndMessage)
{
    std::set<std::string_view> codes;
    std::set<std::string_view> messages;
    for (size_t i = 0; i <= static_cast<size_t>(IdDefect::id_length); ++i)
    {
        const auto defect = static_cast<IdDefect>(i);
        EXPECT_TRUE(codes.insert(code(defect)).second) << code(defect);
        EXPECT_TRUE(messages.insert(message(defect)).second) << message(defect);
        EXPECT_NE(reason_of(defect), Reason::valid);
    }
}

TEST(TrustDomainName, BareOrAsAnId)
{
    EXPECT_EQ(spiffe::parse_trust_domain("example.org").value(), "example.org");
    EXPECT_EQ(spiffe::parse_trust_domain("spiffe://example.org").value(), "example.org");
    EXPECT_EQ(spiffe::parse_trust_domain(std::string(255, 'a')).value(), std::string(255, 'a'));
    struct Case
    {
        std::string text;
        IdDefect defect;
    };
    for (const Case & one : std::vector<Case>{
             {"", IdDefect::empty},
             {"spiffe://", IdDefect::td_empty},
             {"spiffe://example.org/", IdDefect::td_path},
             {"spiffe://example.org/ca", IdDefect::td_path},
             {"example.org/ca", IdDefect::td_path},
             {"Example.org", IdDefect::td_case},
             {"SPIFFE://example.org", IdDefect::td_case},
             {"https://example.org", IdDefect::td_port},
             {"example.org:443", IdDefect::td_port},
             {"example org", IdDefect::td_chars},
             {" example.org", IdDefect::td_chars},
             {std::string(256, 'a'), IdDefect::td_length},
         })
    {
        SCOPED_TRACE(one.text);
        const auto name = spiffe::parse_trust_domain(one.text);
        ASSERT_FALSE(name.has_value());
        EXPECT_EQ(name.error(), one.defect) << code(name.error());
    }
}
