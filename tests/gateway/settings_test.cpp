#include <gtest/gtest.h>

#include <gateway/settings.h>

namespace
{

using namespace chmtls::gateway;
using namespace std::chrono_literals;

ParsedSettings parse(const std::string & top, const std::string & gateway)
{
    return parse_settings("<clickhouse>" + top + "<mtls/><gateway>" + gateway + "</gateway></clickhouse>", "gateway.xml");
}

const std::string port = "<tcp_port_secure>9440</tcp_port_secure>";
const std::string native = "<native><server>127.0.0.1:9000</server></native>";

TEST(GatewaySettings, HaveDefaults)
{
    const auto parsed = parse(port, native);
    ASSERT_TRUE(parsed.findings.empty()) << parsed.findings.front();
    const auto & settings = parsed.settings;
    EXPECT_EQ(settings.listen_host, (std::vector<std::string>{"::1", "127.0.0.1"}));
    ASSERT_EQ(settings.listeners.size(), 1U);
    EXPECT_EQ(settings.listeners[0].port, 9440);
    EXPECT_EQ(settings.listeners[0].servers, (std::vector<HostPort>{{"127.0.0.1", 9000}}));
    EXPECT_EQ(settings.password_logins, PasswordLogins::refuse);
    EXPECT_EQ(settings.timeouts.login, 10s);
}

TEST(GatewaySettings, AreRead)
{
    const auto parsed = parse(
        port + "<listen_host>0.0.0.0</listen_host>",
        "<native><server>ch1:9000</server><server>[::1]:9001</server></native><proof><passwords>/p</passwords></proof>"
        "<password_logins>pass</password_logins><workers>3</workers><limits><handshakes>7</handshakes></limits>"
        "<timeouts><half_closed>0.5</half_closed></timeouts>");
    ASSERT_TRUE(parsed.findings.empty()) << parsed.findings.front();
    const auto & settings = parsed.settings;
    EXPECT_EQ(settings.listeners[0].servers, (std::vector<HostPort>{{"ch1", 9000}, {"::1", 9001}}));
    EXPECT_EQ(settings.passwords_file, "/p");
    EXPECT_EQ(settings.password_logins, PasswordLogins::pass);
    EXPECT_EQ(settings.workers, 3U);
    EXPECT_EQ(settings.limits.handshakes, 7U);
    EXPECT_EQ(settings.timeouts.half_closed, 500ms);
}

struct Refused
{
    std::string top;
    std::string gateway;
    std::string finding;
};

class GatewayFindings : public testing::TestWithParam<Refused>
{
};

TEST_P(GatewayFindings, NameTheKey)
{
    const auto & [top, gateway, finding] = GetParam();
    const auto parsed = parse(top, gateway);
    ASSERT_FALSE(parsed.findings.empty());
    EXPECT_NE(parsed.findings[0].find("gateway.xml: " + finding), std::string::npos) << parsed.findings[0];
}

INSTANTIATE_TEST_SUITE_P(
    Settings, GatewayFindings,
    testing::Values(
        Refused{port, "", "gateway.native: is missing"}, Refused{"", native, "gateway.native: has no port"},
        Refused{"", "", "gateway: has nothing to do"}, Refused{port, "<native/>", "gateway.native.server: names no server"},
        Refused{port, "<native><server>nowhere</server></native>", "gateway.native.server: \"nowhere\" is not"},
        Refused{port, "<native><server>a:0</server></native>", "gateway.native.server: \"a:0\" is not"},
        Refused{port, "<native><server>a:1</server><server/></native>", "gateway.native.server[1]: is empty"},
        Refused{port, native + native, "gateway.native: is given more than once"},
        Refused{port + "<listen_host>here</listen_host>", native, "listen_host: \"here\" is not an address"},
        Refused{"<tcp_port_secure>70000</tcp_port_secure>", native, "tcp_port_secure: \"70000\" is not a whole number"},
        Refused{port, native + "<extra/>", "gateway.extra: unknown key"},
        Refused{port, "<native><server>a:1</server><extra/></native>", "gateway.native.extra: unknown key"},
        Refused{port, native + "<timeouts><login>0</login></timeouts>", "gateway.timeouts.login: \"0\" is not a number"},
        Refused{
            "", "<egress><destination><listen>127.0.0.1:1</listen><to>127.0.0.1:1</to></destination></egress>",
            "gateway.egress.destination.listen: is taken by another destination, or is the destination itself"},
        Refused{port, native + "<trusted_proxies><proxy/></trusted_proxies>", "gateway.trusted_proxies.proxy.name: is needed"},
        Refused{port, native + "<trusted_proxies><x/></trusted_proxies>", "gateway.trusted_proxies.x: unknown key"},
        Refused{
            "<interserver_https_port>9010</interserver_https_port>", "<interserver><server>a:1</server></interserver>",
            "mtls.nodes: is missing"}));

TEST(GatewaySettings, NeedTheModulesSection)
{
    const auto parsed = parse_settings("<clickhouse>" + port + "<gateway>" + native + "</gateway></clickhouse>", "f");
    ASSERT_FALSE(parsed.findings.empty());
    EXPECT_NE(parsed.findings[0].find("f: mtls: is missing"), std::string::npos);
}

TEST(GatewaySettings, OfWhatIsNoXmlAreAFinding)
{
    EXPECT_FALSE(parse_settings("<clickhouse>", "f").findings.empty());
    EXPECT_FALSE(parse_settings("", "f").findings.empty());
}

TEST(HostPorts, AreReadAndWritten)
{
    for (const std::string each : {"127.0.0.1:9000", "[2001:db8::1]:9000", "ch1.example.org:65535", "a_b:1"})
    {
        const auto parsed = parse_host_port(each);
        ASSERT_TRUE(parsed) << each;
        EXPECT_EQ(to_text(*parsed), each);
    }
    for (const std::string_view each :
         {"", ":1", "a", "a:", "a:0", "a:65536", "a:1x", "2001:db8::1:9000", "[::1]", "[x]:1", "a b:1"})
        EXPECT_FALSE(parse_host_port(each)) << each;
}

}
