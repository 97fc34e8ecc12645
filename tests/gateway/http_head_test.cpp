#include <gtest/gtest.h>

#include <gateway/http_head.h>

namespace
{

using namespace chmtls::gateway;

std::string request(const std::string & fields, const std::string & line = "GET /?a=1 HTTP/1.1")
{
    return line + "\r\n" + fields + "\r\n";
}

TEST(RequestHeads, AreRead)
{
    const auto bytes = request("Host: x\r\nA:b\r\nEmpty:\r\nBlank: \t c \t\r\nContent-Length: 12\r\n", "POST /x?y HTTP/1.1");
    const auto parsed = parse_request_head(bytes);
    ASSERT_TRUE(parsed.head) << parsed.fault;
    const auto & head = *parsed.head;
    EXPECT_EQ(head.method, "POST");
    EXPECT_EQ(head.target, "/x?y");
    ASSERT_EQ(head.fields.size(), 5U);
    EXPECT_EQ(head.fields[1].value, "b");
    EXPECT_EQ(head.fields[2].value, "");
    EXPECT_EQ(head.fields[3].value, "c");
    EXPECT_EQ(head.framing, Framing::length);
    EXPECT_EQ(head.length, 12U);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(head.expects_continue);
}

TEST(RequestHeads, SayWhatBecomesOfTheConnection)
{
    const auto keeps = [](const std::string & fields, const std::string & line = "GET / HTTP/1.1")
    {
        return parse_request_head(request(fields, line)).head.value().keep_alive;
    };
    EXPECT_TRUE(keeps(""));
    EXPECT_FALSE(keeps("Connection: close\r\n"));
    EXPECT_FALSE(keeps("connection: a, CLOSE ,keep-alive\r\n"));
    EXPECT_FALSE(keeps("", "GET / HTTP/1.0"));
    EXPECT_TRUE(keeps("Connection: Keep-Alive\r\n", "GET / HTTP/1.0"));
    EXPECT_TRUE(parse_request_head(request("Expect: 100-Continue\r\n")).head.value().expects_continue);
    EXPECT_EQ(parse_request_head(request("Transfer-Encoding: CHUNKED\r\n")).head.value().framing, Framing::chunked);
}

TEST(RequestHeads, EndAtTheFirstEmptyLine)
{
    EXPECT_EQ(head_size("GET / HTTP/1.1\r\n\r"), 0U);
    EXPECT_EQ(head_size("GET / HTTP/1.1\r\n\r\nmore\r\n\r\n"), 18U);
    EXPECT_EQ(head_size("GET / HTTP/1.1\n\n"), 0U);
}

struct Bad
{
    std::string bytes;
    int status;
};

class BadHeads : public testing::TestWithParam<Bad>
{
};

TEST_P(BadHeads, AreRefused)
{
    const auto parsed = parse_request_head(GetParam().bytes);
    EXPECT_FALSE(parsed.head);
    EXPECT_EQ(parsed.status, GetParam().status) << parsed.fault;
    EXPECT_FALSE(parsed.fault.empty());
}

INSTANTIATE_TEST_SUITE_P(
    RequestHeads, BadHeads,
    testing::Values(
        Bad{request("", "GET /"), 400}, Bad{request("", "GET / x HTTP/1.1"), 400}, Bad{request("", "GET  / HTTP/1.1"), 400},
        Bad{request("", "G\xc3\xa4T / HTTP/1.1"), 400}, Bad{request("", " / HTTP/1.1"), 400},
        Bad{request("", "GET / HTTP/1.2"), 505}, Bad{request("", "GET / http/1.1"), 505},
        Bad{request("", "GET / HTTP/1.1 "), 505}, Bad{request("", "GET http://x/ HTTP/1.1"), 400},
        Bad{request("", "OPTIONS * HTTP/1.1"), 400}, Bad{request("", "CONNECT /x HTTP/1.1"), 405},
        Bad{request("", "TRACE / HTTP/1.1"), 405}, Bad{request("", "GET /#a HTTP/1.1"), 400},
        Bad{request("", "GET /\tb HTTP/1.1"), 400}, Bad{request(" folded: x\r\n"), 400}, Bad{request("A: b\r\n\tc\r\n"), 400},
        Bad{request("A : b\r\n"), 400}, Bad{request(": b\r\n"), 400}, Bad{request("no colon\r\n"), 400},
        Bad{request("A\x01: b\r\n"), 400}, Bad{request("A: b\rc\r\n"), 400}, Bad{request("A: b\nC: d\r\n"), 400},
        Bad{request(std::string("A: \0b\r\n", 7)), 400}, Bad{request("A: \x7f\r\n"), 400},
        Bad{request("Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
        Bad{request("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400}, Bad{request("Content-Length:\r\n"), 400},
        Bad{request("Content-Length: -1\r\n"), 400}, Bad{request("Content-Length: +1\r\n"), 400},
        Bad{request("Content-Length: 1,1\r\n"), 400}, Bad{request("Content-Length: 0x1\r\n"), 400},
        Bad{request("Content-Length: 18446744073709551616\r\n"), 400}, Bad{request("Content_Length: 1\r\n"), 400},
        Bad{request("Transfer.Encoding: chunked\r\n"), 400}, Bad{request("Transfer-Encoding: chunked, chunked\r\n"), 501},
        Bad{request("Transfer-Encoding: gzip\r\n"), 501},
        Bad{request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        Bad{request("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), 400}, Bad{request("Expect: a\r\n"), 417}));

TEST(RequestHeads, HaveNotMoreThan256Fields)
{
    std::string fields;
    for (size_t i = 0; i < max_fields; ++i)
        fields += "A: b\r\n";
    EXPECT_TRUE(parse_request_head(request(fields)).head);
    EXPECT_EQ(parse_request_head(request(fields + "A: b\r\n")).status, 431);
}

TEST(RequestHeads, EveryByteInANameIsATokenOrRefused)
{
    for (unsigned byte = 0; byte < 256; ++byte)
    {
        const auto c = static_cast<char>(byte);
        const bool token = std::isalnum(static_cast<int>(byte)) != 0 && byte < 128;
        const bool other = std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
        const auto parsed = parse_request_head(request(std::string("a") + c + "b: x\r\n"));
        // A colon there ends the name.
        EXPECT_EQ(parsed.head.has_value(), token || other || c == ':') << byte;
    }
}

}
