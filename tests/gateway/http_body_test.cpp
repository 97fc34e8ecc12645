#include <gtest/gtest.h>

#include <gateway/http_body.h>

namespace
{

using namespace chmtls::gateway;

/// The whole message, in pieces of `size` bytes; what is left over is given back.
std::string read_in_pieces(MessageReader & reader, std::string_view bytes, size_t size, std::string & body)
{
    std::string waiting;
    while (!bytes.empty() && !reader.complete() && reader.fault().empty())
    {
        waiting.append(bytes.substr(0, size));
        bytes.remove_prefix(std::min(size, bytes.size()));
        waiting.erase(0, reader.put(waiting, body));
    }
    return waiting.append(bytes);
}

TEST(HttpBodies, OfRequestsEndWhereTheirFramingSays)
{
    const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string tail = "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\nGET";
    for (const size_t size : {1U, 2U, 7U, 1000U})
    {
        const auto reader = read_request();
        std::string body;
        EXPECT_EQ(read_in_pieces(*reader, head + tail, size, body), "GET");
        EXPECT_TRUE(reader->complete());
        EXPECT_EQ(body, "hello world");
    }
    const auto fixed = read_request();
    std::string body;
    EXPECT_EQ(read_in_pieces(*fixed, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcdef", 4, body), "def");
    EXPECT_EQ(body, "abc");
    const auto none = read_request();
    EXPECT_EQ(read_in_pieces(*none, "GET / HTTP/1.1\r\n\r\nabc", 1000, body), "abc");
}

TEST(HttpBodies, ThatAreBadHaveAFault)
{
    for (const char * const tail : {"zz\r\n", "1\r\nab\r\n", "-1\r\n", "10000000000000000\r\n", "1\nab"})
    {
        const auto reader = read_request();
        std::string body;
        read_in_pieces(*reader, std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") + tail, 1000, body);
        EXPECT_FALSE(reader->complete()) << tail;
    }
}

TEST(HttpAnswers, AreRead)
{
    const auto reader = read_answer(false);
    std::string body;
    read_in_pieces(
        *reader,
        "HTTP/1.1 200 OK\r\nX-A: b\r\nKeep-Alive: timeout=7, max=9\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 3,
        body);
    ASSERT_TRUE(reader->complete());
    const auto & head = reader->head();
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.reason, "OK");
    EXPECT_EQ(head.fields, (std::vector<std::pair<std::string, std::string>>{{"X-A", "b"}}));
    EXPECT_EQ(head.length, 2U);
    EXPECT_EQ(head.keep_alive_seconds, 7U);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_EQ(body, "ok");
}

TEST(HttpAnswers, WithoutFramingEndWithTheConnection)
{
    const auto reader = read_answer(false);
    std::string body;
    read_in_pieces(*reader, "HTTP/1.0 200 OK\r\n\r\nabc", 1000, body);
    EXPECT_FALSE(reader->complete());
    reader->end();
    EXPECT_TRUE(reader->complete());
    EXPECT_EQ(reader->fault(), "");
    EXPECT_FALSE(reader->head().keep_alive);
}

TEST(HttpAnswers, ThatAreCutOffAreNotComplete)
{
    for (const char * const text :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"})
    {
        const auto reader = read_answer(false);
        std::string body;
        read_in_pieces(*reader, text, 1000, body);
        reader->end();
        EXPECT_FALSE(reader->complete() && reader->fault().empty()) << text;
    }
}

TEST(HttpAnswers, ToHeadHaveNoBody)
{
    const auto reader = read_answer(true);
    std::string body;
    read_in_pieces(*reader, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 1000, body);
    EXPECT_TRUE(reader->complete());
    EXPECT_FALSE(reader->head().has_body);
}

TEST(HttpChunks, AreFramed)
{
    std::string out;
    append_chunk(out, std::string(26, 'x'));
    EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n");
}

}
