// What is written to an HTTP server is one request.

#include <gtest/gtest.h>

#include "http_request_guard.h"

namespace chmtls::debian
{
namespace
{

using Poco::Net::HTTPRequest;

bool refused(const HTTPRequest & request)
{
    return defect_of(request).has_value();
}

HTTPRequest get(const std::string & target)
{
    return HTTPRequest("GET", target, "HTTP/1.1");
}

TEST(HttpRequestGuard, EachByteOfATarget)
{
    for (int byte = 0; byte < 256; ++byte)
    {
        const bool breaks = byte <= ' ' || byte == 0x7F;
        EXPECT_EQ(refused(get(std::string("/?q=a") + static_cast<char>(byte) + "b")), breaks) << byte;
    }
    EXPECT_FALSE(refused(get("")));
    EXPECT_FALSE(refused(get("/?query=SELECT%201%0D%0A")));
}

TEST(HttpRequestGuard, EachByteOfAHeader)
{
    for (int byte = 0; byte < 256; ++byte)
    {
        const auto text = std::string("a") + static_cast<char>(byte) + "b";
        auto by_value = get("/");
        by_value.set("X-Name", text);
        EXPECT_EQ(refused(by_value), (byte < ' ' && byte != '\t') || byte == 0x7F) << byte;
        auto by_name = get("/");
        by_name.set(text, "value");
        EXPECT_EQ(refused(by_name), byte <= ' ' || byte == 0x7F || byte == ':') << byte;
    }
}

TEST(HttpRequestGuard, MethodAndVersion)
{
    EXPECT_TRUE(refused(HTTPRequest("GET /x HTTP/1.1\r\nA: b\r\n\r\nPOST", "/", "HTTP/1.1")));
    EXPECT_TRUE(refused(HTTPRequest("GET", "/", "HTTP/1.1\r\nX: y")));
    EXPECT_FALSE(refused(HTTPRequest("POST", "/", "HTTP/1.0")));
}

TEST(HttpRequestGuard, SaysWhichPartAndNotWhatIsInIt)
{
    const auto said = defect_of(get("/?password=secret HTTP/1.1\r\n"));
    ASSERT_TRUE(said.has_value());
    EXPECT_NE(said->find("URI"), std::string::npos);
    EXPECT_EQ(said->find("secret"), std::string::npos);
}

}
}
