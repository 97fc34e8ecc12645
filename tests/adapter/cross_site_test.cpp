// Which requests a browser says another site made it send.

#include "cross_site.h"

#include <gtest/gtest.h>

namespace chmtls::debian
{
namespace
{

TEST(CrossSite, ByHeaders)
{
    using Headers = std::vector<std::pair<std::string, std::string>>;
    const struct
    {
        const char * name;
        Headers headers;
        bool cross;
    } cases[]{
        {"curl and drivers", {{"Host", "db.example.org:8443"}}, false},
        {"the user's own navigation", {{"Host", "db.example.org"}, {"Sec-Fetch-Site", "none"}}, false},
        {"a page of ours", {{"Host", "db.example.org"}, {"Sec-Fetch-Site", "same-origin"}, {"Origin", "null"}}, false},
        {"another site", {{"Host", "db.example.org"}, {"Sec-Fetch-Site", "cross-site"}}, true},
        {"in any case", {{"host", "db.example.org"}, {"sec-fetch-site", "Cross-Site"}}, true},
        {"another host of the site", {{"Host", "db.example.org"}, {"Sec-Fetch-Site", "same-site"}}, true},
        {"a word of the future", {{"Host", "db.example.org"}, {"Sec-Fetch-Site", "new"}}, true},
        {"own origin", {{"Host", "db.example.org:8443"}, {"Origin", "https://db.example.org:8443"}}, false},
        {"own origin, the port's default", {{"Host", "db.example.org:443"}, {"Origin", "https://DB.example.org"}}, false},
        {"other origin", {{"Host", "db.example.org"}, {"Origin", "https://evil.example"}}, true},
        {"other port", {{"Host", "db.example.org:8443"}, {"Origin", "https://db.example.org"}}, true},
        {"without TLS", {{"Host", "db.example.org"}, {"Origin", "http://db.example.org"}}, true},
        {"a form in a frame without origin", {{"Host", "db.example.org"}, {"Origin", "null"}}, true},
        {"own host as a prefix", {{"Host", "db.example.org"}, {"Origin", "https://db.example.org.evil.example"}}, true},
        {"own page", {{"Host", "db.example.org"}, {"Referer", "https://db.example.org/play?x=1"}}, false},
        {"other page", {{"Host", "db.example.org"}, {"Referer", "https://evil.example/https://db.example.org/"}}, true},
        {"own origin, whatever page", {{"Host", "h"}, {"Origin", "https://h"}, {"Referer", "https://other/"}}, false},
        {"no Host", {{"Origin", "https://"}}, true},
    };
    for (const auto & each : cases)
    {
        Poco::Net::HTTPRequest request("POST", "/", "HTTP/1.1");
        for (const auto & [name, value] : each.headers)
            request.set(name, value);
        EXPECT_EQ(is_cross_site(request), each.cross) << each.name;
    }
}

}
}
