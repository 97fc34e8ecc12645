#include <set>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/reason.h"

using namespace chmtls;

TEST(Error, ReadsAsOneLine)
{
    const Error error{
        .file = "ca.pem", .field = "certificate 2", .reason = "is damaged", .remedy = "write it again", .code = "PARSE"};
    EXPECT_EQ(error.describe(), "ca.pem: certificate 2: is damaged; write it again");
}

TEST(Error, LeavesOutEmptyParts)
{
    EXPECT_EQ((Error{.file = "", .field = "", .reason = "is damaged", .remedy = "", .code = ""}).describe(), "is damaged");
    EXPECT_EQ((Error{.file = "f", .field = "", .reason = "r", .remedy = "", .code = ""}).describe(), "f: r");
}

TEST(Error, CannotForgeALogLine)
{
    const Error error{.file = "a\nb", .field = "", .reason = "r\r\x1b[2J", .remedy = "", .code = ""};
    EXPECT_EQ(error.describe(), "a\\x0ab: r\\x0d\\x1b[2J");
}

TEST(Errors, AreOneLineEach)
{
    const Error one{.file = "f", .field = "", .reason = "r", .remedy = "", .code = ""};
    EXPECT_EQ(describe(Errors{one, one}), "f: r\nf: r");
    EXPECT_EQ(describe(Errors{}), "");
    const Error coded{.file = "f", .field = "", .reason = "r", .remedy = "mend it", .code = "PARSE"};
    EXPECT_EQ(describe(Errors{coded, one}), "f: r; mend it [PARSE]\nf: r");
}

TEST(Printable, EscapesEachByteThatIsNoText)
{
    for (int c = 0; c < 256; ++c)
    {
        const std::string out = printable(std::string(1, static_cast<char>(c)));
        const bool plain = c >= 0x20 && c < 0x7f;
        EXPECT_EQ(out.size(), plain ? 1u : 4u) << c;
    }
}

TEST(Printable, KeepsUtf8AndEscapesWhatTurnsTextAround)
{
    EXPECT_EQ(printable("J\xc3\xbcrgen"), "J\xc3\xbcrgen");
    EXPECT_EQ(
        printable("a\xe2\x80\xae"
                  "b"),
        "a\\xe2\\x80\\xae"
        "b");
    EXPECT_EQ(printable("\xc2\x85"), "\\xc2\\x85");
}

TEST(Printable, CutsBetweenCharacters)
{
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("abcdef", 5), "abcde...");
    EXPECT_EQ(printable("abcd\xc3\xbc", 5), "abcd...");
}

TEST(Reasons, HaveACodeAndAnAlertEach)
{
    for (int i = 0; i < static_cast<int>(Reason::count); ++i)
    {
        const auto reason = static_cast<Reason>(i);
        EXPECT_FALSE(code(reason).empty()) << i;
        EXPECT_EQ(tls_alert(reason) == 0, reason == Reason::valid) << code(reason);
    }
}

TEST(Reasons, ShareACodeOnlyWhereTheCasesDo)
{
    std::set<std::string_view> codes;
    for (int i = 0; i < static_cast<int>(Reason::count); ++i)
        codes.insert(code(static_cast<Reason>(i)));
    EXPECT_EQ(code(Reason::expired), code(Reason::not_yet_valid));
    EXPECT_EQ(code(Reason::unknown_ca), code(Reason::self_signed));
    EXPECT_EQ(codes.size(), static_cast<size_t>(Reason::count) - 2);
}

TEST(Reasons, RefuseUnknownValues)
{
    EXPECT_EQ(code(static_cast<Reason>(250)), "INTERNAL");
    EXPECT_EQ(tls_alert(static_cast<Reason>(250)), tls_alert(Reason::internal));
}

TEST(Reasons, GiveTheAlertAPeerExpects)
{
    EXPECT_EQ(tls_alert(Reason::expired), 45);
    EXPECT_EQ(tls_alert(Reason::revoked), 44);
    EXPECT_EQ(tls_alert(Reason::unknown_ca), 48);
    EXPECT_EQ(tls_alert(Reason::no_certificate), 116);
}
