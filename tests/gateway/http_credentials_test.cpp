#include <algorithm>
#include <array>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include <clickhouse_mtls/plugin.h>
#include <gateway/http_credentials.h>

namespace
{

using namespace chmtls::gateway;

RequestHead parsed(const std::string & bytes)
{
    auto result = parse_request_head(bytes);
    EXPECT_TRUE(result.head) << result.fault << "\n" << bytes;
    return result.head.value_or(RequestHead{});
}

std::string request(const std::string & target, const std::string & fields)
{
    return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

uint32_t flags(const std::string & target, const std::string & fields)
{
    const auto bytes = request(target, fields);
    return offer_of(parsed(bytes)).flags;
}

TEST(HttpOffers, AreFlags)
{
    constexpr uint32_t named = CHMTLS_LOGIN_USER_NAMED;
    constexpr uint32_t password = CHMTLS_LOGIN_PASSWORD_GIVEN;
    constexpr uint32_t other = CHMTLS_LOGIN_OTHER_CREDENTIALS;
    constexpr uint32_t asked = CHMTLS_LOGIN_CERTIFICATE_ASKED;
    EXPECT_EQ(flags("/", ""), 0U);
    EXPECT_EQ(flags("/", "x-clickhouse-user: a\r\n"), named);
    EXPECT_EQ(flags("/", "X-ClickHouse-User:\r\n"), 0U);
    EXPECT_EQ(flags("/", "X-ClickHouse-Key: a\r\n"), password);
    EXPECT_EQ(flags("/", "Authorization: x\r\n"), other | named);
    EXPECT_EQ(flags("/", "X-ClickHouse-SSL-Certificate-Auth: on\r\n"), asked);
    EXPECT_EQ(flags("/", "X-ClickHouse-SSL-Certificate-Auth: On\r\n"), 0U);
    EXPECT_EQ(flags("/?user=a", ""), other | named);
    EXPECT_EQ(flags("/?user=", ""), other);
    EXPECT_EQ(flags("/?UsEr=a", ""), other | named);
    EXPECT_EQ(flags("/?%75ser=a&passwor%64=b", ""), other | named | password);
    EXPECT_EQ(flags("/?query=user=a&users=1", ""), 0U);
}

TEST(HttpOffers, OfAnotherSiteAreTold)
{
    constexpr uint32_t cross = CHMTLS_LOGIN_CROSS_SITE;
    EXPECT_EQ(flags("/", "Host: db:8443\r\n"), 0U);
    EXPECT_EQ(flags("/", "Host: db:8443\r\nOrigin: https://db:8443\r\n"), 0U);
    EXPECT_EQ(flags("/", "Host: db:8443\r\nSec-Fetch-Site: same-origin\r\nOrigin: null\r\n"), 0U);
    EXPECT_EQ(flags("/", "Host: db:8443\r\nSec-Fetch-Site: cross-site\r\n"), cross);
    EXPECT_EQ(flags("/", "Host: db:8443\r\nOrigin: https://evil.example\r\n"), cross);
    EXPECT_EQ(flags("/", "Host: db:8443\r\nReferer: https://evil.example/\r\n"), cross);
    EXPECT_EQ(flags("/", "Host: db\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n"), cross);
}

TEST(HttpOffers, NameTheUserThatTheServerWouldTake)
{
    const auto user = [](const std::string & target, const std::string & fields)
    {
        const auto bytes = request(target, fields);
        return offer_of(parsed(bytes)).user;
    };
    EXPECT_EQ(user("/", ""), "default");
    EXPECT_EQ(user("/", "X-ClickHouse-User: a\r\n"), "a");
    EXPECT_EQ(user("/?user=b%2B+c", ""), "b+ c");
    EXPECT_EQ(user("/?user=b", "X-ClickHouse-User: a\r\n"), "a");
}

TEST(HttpOffers, ThatCanBeReadInTwoWaysAreFaults)
{
    for (const auto & [target, fields] : std::vector<std::pair<std::string, std::string>>{
             {"/", "X-ClickHouse-User: a\r\nx-clickhouse-user: b\r\n"},
             {"/", "X_ClickHouse_User: a\r\n"},
             {"/", "X.ClickHouse-Key: a\r\n"},
             {"/?a=%", ""},
             {"/?%zz=a", ""},
             {"/?a=b%1", ""}})
    {
        const auto bytes = request(target, fields);
        EXPECT_FALSE(offer_of(parsed(bytes)).fault.empty()) << bytes;
    }
}

TEST(ServersRequest, HasOnlyTheCredentialsItIsGiven)
{
    const auto bytes = request(
        "/p?%75ser=x&query=1&password=y&a=b", "Host: h\r\nAuthorization: z\r\nX-ClickHouse-User: x\r\nX-ClickHouse-Database: "
                                              "d\r\nConnection: close, X-ClickHouse-Key, keep\r\n"
                                              "keep: x\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\nClient-Cert: "
                                              ":aa:\r\nTailscale-User-Login: x\r\nExpect: 100-continue\r\n"
                                              "Content-Length: 5\r\n");
    const ServerCredentials credentials{"alice", "secret"};
    EXPECT_EQ(
        head_for_server(parsed(bytes), &credentials, "192.0.2.1"),
        "GET /p?query=1&a=b HTTP/1.1\r\nHost: h\r\nX-ClickHouse-Database: d\r\nX-ClickHouse-User: alice\r\nX-ClickHouse-Key: "
        "secret\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nContent-Length: 5\r\n\r\n");
    EXPECT_EQ(
        head_without_login(parsed(bytes), "192.0.2.1"), "GET /p?query=1&a=b HTTP/1.1\r\nHost: h\r\nX-ClickHouse-Database: "
                                                        "d\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 5\r\n\r\n");
}

TEST(ServersRequest, KeepsItsOwnCredentialsWhereTheServerDecides)
{
    const auto bytes
        = request("/?user=u", "X-ClickHouse-Key: k\r\nX-ClickHouse-SSL-Certificate-Auth: on\r\nX-Real-IP: 1.1.1.1\r\n");
    EXPECT_EQ(
        head_for_server(parsed(bytes), nullptr, "192.0.2.1"),
        "GET /?user=u HTTP/1.1\r\nX-ClickHouse-Key: k\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
}

TEST(FieldValues, HoldNothingThatEndsALine)
{
    EXPECT_TRUE(is_field_value("alice"));
    EXPECT_TRUE(is_field_value("\xc3\xa4 b"));
    for (const std::string_view text : {"", " a", "a ", "a\r\nb", "a\nb", "a\tb", "\x7f"})
        EXPECT_FALSE(is_field_value(text)) << text;
    EXPECT_FALSE(is_field_value(std::string_view("a\0b", 3)));
}

/// A request with credentials in every spelling that one could think of.
class Forger
{
public:
    std::string request()
    {
        std::string target = "/?query=SELECT+1";
        for (unsigned i = pick(4); i > 0; --i)
            target += "&" + encoded(one_of({"user", "password", "users", "USER", "user ", "pass"})) + one_of({"=", "", "=="})
                      + encoded(one_of({"admin", "default", "", "a&b", "alice"}));
        std::string fields = "Host: x\r\n";
        for (unsigned i = pick(8); i > 0; --i)
            fields += spelt(one_of(
                          {"X-ClickHouse-User", "X-ClickHouse-Key", "Authorization", "X-ClickHouse-SSL-Certificate-Auth",
                           "X-ClickHouse-JWT-Token", "X-Forwarded-For", "Connection", "X-ClickHouse-Users",
                           "X-Forwarded-Client-Cert"}))
                      + one_of({": ", ":", ":\t "}) + one_of({"admin", "", "on", "Basic YWRtaW46", "X-ClickHouse-Key", "close"})
                      + "\r\n";
        return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n";
    }

private:
    unsigned pick(unsigned limit) { return static_cast<unsigned>(chance_()) % limit; }

    std::string one_of(std::initializer_list<const char *> texts)
    {
        return *(texts.begin() + pick(static_cast<unsigned>(texts.size())));
    }

    std::string spelt(std::string text)
    {
        constexpr std::string_view dashes = "-_.";
        for (char & c : text)
        {
            if (c == '-' && pick(6) == 0)
                c = dashes[pick(3)];
            else if (pick(2) == 0)
                c = static_cast<char>(std::toupper(c));
        }
        return text;
    }

    std::string encoded(const std::string & text)
    {
        std::string out;
        for (const char c : text)
        {
            std::array<char, 4> hex{};
            std::snprintf(hex.data(), hex.size(), pick(2) == 0 ? "%%%02x" : "%%%02X", static_cast<unsigned>(c));
            out += pick(3) == 0 || c == ' ' || c == '&' ? std::string(hex.data()) : std::string(1, c);
        }
        return out;
    }

    std::mt19937 chance_{20261128};
};

/// However leniently a server reads names.
std::string lenient(std::string_view name)
{
    std::string out;
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
            out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    return out;
}

std::string unescaped(std::string_view text)
{
    std::string out;
    for (size_t i = 0; i < text.size(); ++i)
    {
        if (text[i] == '%')
        {
            out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
            i += 2;
        }
        else
            out.push_back(text[i]);
    }
    return out;
}

TEST(ServersRequest, NamesNobodyElseWhateverTheClientMixes)
{
    Forger forger;
    int taken = 0;
    for (int i = 0; i < 8000; ++i)
    {
        const auto bytes = forger.request();
        const auto head = parse_request_head(bytes);
        if (!head.head)
            continue;
        ++taken;
        const ServerCredentials credentials{"alice", "secret"};
        const auto sent = head_for_server(*head.head, &credentials, "192.0.2.1");
        const auto seen = parsed(sent);
        std::map<std::string, std::vector<std::string>> fields;
        for (const auto & [name, value] : seen.fields)
            fields[lenient(name)].emplace_back(value);
        ASSERT_EQ(fields["xclickhouseuser"], std::vector<std::string>{"alice"}) << bytes;
        ASSERT_EQ(fields["xclickhousekey"], std::vector<std::string>{"secret"}) << bytes;
        ASSERT_EQ(fields["xforwardedfor"], std::vector<std::string>{"192.0.2.1"}) << bytes;
        for (const auto * const gone :
             {"authorization", "xclickhousesslcertificateauth", "xclickhousejwttoken", "connection", "xforwardedclientcert"})
            ASSERT_EQ(fields.count(gone), 0U) << gone << "\n" << bytes;
        auto query = std::string(seen.target.substr(seen.target.find('?') + 1)) + "&";
        while (!query.empty())
        {
            const auto parameter = query.substr(0, query.find('&'));
            query.erase(0, parameter.size() + 1);
            auto name = unescaped(parameter.substr(0, parameter.find('=')));
            std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
            ASSERT_NE(name, "user") << bytes;
            ASSERT_NE(name, "password") << bytes;
        }
    }
    EXPECT_GT(taken, 7000);
}

}
