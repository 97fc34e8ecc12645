#include "observe/audit.h"

#include <gtest/gtest.h>

#include "observe/counters.h"

namespace chmtls::observe
{

namespace
{

std::string pair(std::string_view value)
{
    return AuditLine("x").add("k", value).str();
}

TEST(AuditLine, MembersOfAJsonObject)
{
    AuditLine line("login");
    line.add("user", "alice").add("session", uint64_t{7}).add("left out", "").add(Reason::valid);
    EXPECT_EQ(line.members(), R"("event": "login", "user": "alice", "session": 7, "reason": "VALID")");

    const struct
    {
        const char * name;
        std::string value;
        const char * json;
    } cases[]{
        {"quote", "a\", \"k2\": \"b", R"("a\", \"k2\": \"b")"},
        {"backslash", "a\\", R"("a\\")"},
        {"line end", "a\n{\"event\": \"forged\"}", R"("a\n{\"event\": \"forged\"}")"},
        {"line separator",
         "a\xe2\x80\xa8"
         "b",
         R"("a\u2028b")"},
        {"not UTF-8", "a\xff", R"("a\ufffd")"},
        {"too long", std::string(5000, 'x'), nullptr},
    };
    for (const auto & each : cases)
    {
        const std::string expected = each.json != nullptr ? each.json : '"' + std::string(1024, 'x') + '"';
        EXPECT_EQ(AuditLine("x").add("k", each.value).members(), "\"event\": \"x\", \"k\": " + expected) << each.name;
    }
}

TEST(AuditLine, ValuesByForm)
{
    const struct
    {
        const char * name;
        std::string value;
        const char * line;
    } cases[]{
        {"plain", "alice", "audit event=x k=alice"},
        {"address", "[2001:db8::1]:9440", "audit event=x k=\"[2001:db8::1]:9440\""},
        {"ID", "spiffe://example.org/a-b_c", "audit event=x k=spiffe://example.org/a-b_c"},
        {"empty is left out", "", "audit event=x"},
        {"blank", "a b", "audit event=x k=\"a b\""},
        {"equals sign", "CN=alice", "audit event=x k=\"CN=alice\""},
        {"quote", "a\" k2=\"b", "audit event=x k=\"a\\\" k2=\\\"b\""},
        {"backslash", "a\\", "audit event=x k=\"a\\\\\""},
        {"line end", "a\nevent=forged", "audit event=x k=\"a\\x0aevent=forged\""},
        {"not UTF-8", "a\xff", "audit event=x k=\"a\\xff\""},
        {"UTF-8", "ä", "audit event=x k=\"ä\""},
    };
    for (const auto & each : cases)
        EXPECT_EQ(pair(each.value), each.line) << each.name;
}

TEST(AuditLine, LongValuesAreCutInsideTheirQuotes)
{
    const auto line = pair(std::string(5000, '"'));
    EXPECT_LT(line.size(), 1200u);
    EXPECT_EQ(line.substr(line.size() - 4), "...\"");
}

TEST(AuditLine, ReasonsAndNumbers)
{
    EXPECT_EQ(AuditLine("x").add(Reason::unknown_ca).add("n", uint64_t{7}).str(), "audit event=x reason=UNKNOWN-CA n=7");
}

TEST(Counters, ByCodeAddsUpWhatSharesOne)
{
    Counters counters;
    EXPECT_TRUE(counters.handshakes_by_code().empty());
    counters.count_handshake(Reason::expired);
    counters.count_handshake(Reason::not_yet_valid);
    counters.count_handshake(Reason::valid);
    counters.count_login(Reason::no_rule);
    const auto handshakes = counters.handshakes_by_code();
    EXPECT_EQ(handshakes.size(), 2u);
    EXPECT_EQ(handshakes.at("TIME"), 2u);
    EXPECT_EQ(handshakes.at("VALID"), 1u);
    EXPECT_EQ(counters.logins_by_code().at("NO-RULE"), 1u);
    EXPECT_EQ(counters.handshakes(Reason::expired), 1u);
}

}

}
