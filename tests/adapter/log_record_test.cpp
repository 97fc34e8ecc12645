// What peers write into the server's log begins no line and passes for no audit line; and the names of a Hello before that.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hello.h"
#include "log_record.h"

namespace chmtls::debian
{
namespace
{

TEST(LogRecord, ByForm)
{
    const struct
    {
        const char * name;
        std::string text;
        Writer writer;
        std::string record;
    } cases[]{
        {"plain", "2026 <Information> X: text", Writer::server, "2026 <Information> X: text"},
        {"a tab and UTF-8 stay", "a\tä", Writer::server, "a\tä"},
        {"bytes that are no UTF-8 stay", "a\xff\xc2", Writer::server, "a\xff\xc2"},
        {"a line end indents", "Stack trace:\n0. f", Writer::server, "Stack trace:\n\t0. f"},
        {"one at the end goes", "text\n\n", Writer::server, "text"},
        {"carriage return, escape, NUL, DEL", std::string("a\r\x1b\0\x7f", 5), Writer::server, "a\\x0d\\x1b\\x00\\x7f"},
        {"C1",
         "a\xc2\x9b"
         "b",
         Writer::server, "a\\xc2\\x9bb"},
        {"line separator",
         "a\xe2\x80\xa8"
         "b",
         Writer::server, "a\\xe2\\x80\\xa8b"},
        {"the marker is the module's", "user: x audit event=login", Writer::server, "user: x audit\\x20event=login"},
        {"of an audit line the last one", "{audit event=} clickhouse-mtls: audit event=login", Writer::audit,
         "{audit\\x20event=} clickhouse-mtls: audit event=login"},
        {"both", "x\naudit event=login", Writer::server, "x\n\taudit\\x20event=login"},
    };
    for (const auto & each : cases)
    {
        EXPECT_EQ(one_record(each.text, each.writer), each.record) << each.name;
        EXPECT_EQ(is_one_record(each.text, each.writer), each.text == each.record) << each.name;
    }
}

std::string number(uint64_t value)
{
    std::string bytes;
    for (; value >= 0x80; value >>= 7)
        bytes += static_cast<char>(value | 0x80);
    return bytes += static_cast<char>(value);
}

std::string text(const std::string & value)
{
    return number(value.size()) + value;
}

std::string hello(const std::string & client, const std::string & database, const std::string & user)
{
    return number(0) + text(client) + number(18) + number(16) + number(54412) + text(database) + text(user) + text("pass\nword");
}

struct Read
{
    bool unprintable;
    std::string user;
    std::string bytes;
};

/// The same in pieces of any size.
Read read(std::string bytes, size_t piece)
{
    HelloReader reader;
    for (size_t at = 0; at < bytes.size(); at += piece)
        reader.read(bytes.data() + at, std::min(piece, bytes.size() - at));
    EXPECT_TRUE(reader.done());
    return {reader.unprintable(), reader.unprintable_user(), bytes};
}

TEST(HelloReader, NamesLoseTheirControlCharactersBeforeTheServerSeesThem)
{
    const std::string ordinary = hello("client", "db", "alice");
    for (size_t piece = 1; piece <= ordinary.size(); ++piece)
    {
        const auto plain = read(ordinary, piece);
        EXPECT_EQ(plain.bytes, ordinary) << "the password is nobody's name";
        EXPECT_FALSE(plain.unprintable);
        EXPECT_EQ(plain.user, "");

        const auto user = read(hello("client", "", "a\nb"), piece);
        EXPECT_EQ(user.bytes, hello("client", "", "a?b"));
        EXPECT_FALSE(user.unprintable);
        EXPECT_EQ(user.user, "a\nb");

        const auto others = read(
            hello(
                "cli\x1b"
                "ent",
                "d\rb", "alice"),
            piece);
        EXPECT_EQ(others.bytes, hello("cli?ent", "d?b", "alice"));
        EXPECT_TRUE(others.unprintable);
        EXPECT_EQ(others.user, "");
    }
}

TEST(HelloReader, WhatIsNoHelloIsLeftAlone)
{
    HelloReader reader;
    std::string request = "GET /\n HTTP/1.1\r\n";
    reader.read(request.data(), request.size());
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(request, "GET /\n HTTP/1.1\r\n");

    HelloReader waiting; // a length that never comes true
    std::string endless = number(0) + number(uint64_t{1} << 62) + "abc\n";
    waiting.read(endless.data(), endless.size());
    EXPECT_FALSE(waiting.done());
    EXPECT_EQ(endless.back(), '?');
}

}
}
