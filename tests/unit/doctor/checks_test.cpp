// Each check of a node: one thing is wrong, and the check says so; nothing is, and it is content.

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "doctor/node.h"

namespace chmtls::doctor
{
namespace
{

constexpr uid_t server_user = 101;

config::Element server(const std::string & settings)
{
    return *config::parse_xml("<yandex>" + settings + "</yandex>", "config.xml");
}

/// A node with nothing wrong but what `break_it` does.
Node node(const std::function<void(Node &)> & break_it = {})
{
    Node made;
    made.server = server("<listen_host>192.0.2.1</listen_host><tcp_port_secure>9440</tcp_port_secure>");
    made.source = "config.xml";
    made.settings.server.private_key_file = "/server.key";
    made.settings.server.dh_params_file = "/dh.pem";
    made.settings.dns.hosts = {"192.0.2.2", "db2.example.org"};
    made.users = {{.user = "alice"}};
    made.running = Running{};
    made.host_name = "db1";
    made.server_user = server_user;
    made.resolve = [](const std::string &)
    {
        return std::vector<std::string>{"192.0.2.1"};
    };
    made.file = [](const std::string &)
    {
        return FileFacts{.mode = 0400, .owner = server_user};
    };
    if (break_it)
        break_it(made);
    return made;
}

struct Case
{
    const char * name;
    std::string check;
    State state;
    std::string seen; ///< a part of it
    std::function<void(Node &)> break_it;
};

void PrintTo(const Case & one, std::ostream * out)
{
    *out << one.name;
}

class Fault : public testing::TestWithParam<Case>
{
};

TEST_P(Fault, IsFoundByItsCheckAndByNoOther)
{
    bool found = false;
    for (const Finding & one : examine(node(GetParam().break_it)))
    {
        if (one.check != GetParam().check)
        {
            EXPECT_EQ(one.state, State::ok) << one.check << ": " << one.seen;
            continue;
        }
        found = found || (one.state == GetParam().state && one.seen.find(GetParam().seen) != std::string::npos);
        EXPECT_FALSE(one.why.empty());
        EXPECT_FALSE(one.remedy.empty());
    }
    EXPECT_TRUE(found);
}

TEST(GoodNode, HasNothingButGoodFindings)
{
    const auto findings = examine(node());
    EXPECT_GE(findings.size(), 9u);
    for (const Finding & one : findings)
        EXPECT_EQ(one.state, State::ok) << one.check << ": " << one.seen;
}

INSTANTIATE_TEST_SUITE_P(
    Node, Fault,
    testing::Values(
        Case{
            "Broken", "configuration", State::fail, "config.xml:3: mtls: is not known",
            [](Node & it)
            {
                it.errors = {{"config.xml:3", "mtls", "is not known", "remove it", ""}};
            }},
        Case{
            "Warned", "configuration", State::warn, "deserves a word",
            [](Node & it)
            {
                it.warnings = {"deserves a word"};
            }},
        Case{
            "KeyOfSomebodyElse", "files", State::fail, "openSSL.server.privateKeyFile: /server.key is not readable",
            [](Node & it)
            {
                it.file = [](const std::string &)
                {
                    return FileFacts{.mode = 0600, .owner = 0};
                };
            }},
        Case{
            "NoDhParams", "files", State::fail, "openSSL.server.dhParamsFile: there is no /dh.pem",
            [](Node & it)
            {
                it.file = [](const std::string & path) -> std::optional<FileFacts>
                {
                    if (path == "/dh.pem")
                        return std::nullopt;
                    return FileFacts{.mode = 0400, .owner = server_user};
                };
            }},
        Case{
            "NoAdminSocket", "running", State::warn, "no admin socket",
            [](Node & it)
            {
                it.running.reset();
            }},
        Case{
            "Down", "running", State::fail, "cannot be connected to",
            [](Node & it)
            {
                it.running->no_answer = "cannot be connected to";
            }},
        Case{
            "NotInForce", "running", State::fail, "NOT in force: ca.pem",
            [](Node & it)
            {
                it.running->not_in_force = "ca.pem: no certificate";
            }},
        Case{
            "RefusedPeers", "running", State::warn, "3 handshakes: UNKNOWN-CA",
            [](Node & it)
            {
                it.running->refused_peers = {{"UNKNOWN-CA", 3}};
            }},
        Case{
            "RefusedLogins", "running", State::warn, "2 logins: NO-RULE",
            [](Node & it)
            {
                it.running->refused_logins = {{"NO-RULE", 2}};
            }},
        Case{
            "PortTwice", "ports", State::fail, "tcp_port_secure and https_port are both 9440",
            [](Node & it)
            {
                it.server = server("<listen_host>::</listen_host><https_port>9440</https_port>"
                                   "<tcp_port_secure> 9440</tcp_port_secure>");
            }},
        Case{
            "LoopbackOnly", "listen_host", State::warn, "loopback only",
            [](Node & it)
            {
                it.server = server("<listen_host>127.0.0.1</listen_host>");
            }},
        Case{
            "DebiansOwnName", "own_name", State::warn, "db1 is 127.0.1.1 here",
            [](Node & it)
            {
                it.resolve = [](const std::string & host)
                {
                    return std::vector<std::string>{host == "db1" ? "127.0.1.1" : "192.0.2.2"};
                };
            }},
        Case{
            "UnknownHost", "hosts", State::fail, "db2.example.org has no address",
            [](Node & it)
            {
                it.resolve = [](const std::string & host)
                {
                    return host == "db1" ? std::vector<std::string>{"192.0.2.1"} : std::vector<std::string>{};
                };
            }},
        Case{
            "PlaintextPort", "plaintext", State::warn, "tcp_port: is open to the network",
            [](Node & it)
            {
                it.server = server("<listen_host>::</listen_host><tcp_port>9000</tcp_port>");
            }},
        Case{
            "EmptyPassword", "users", State::warn, "user default has an empty password",
            [](Node & it)
            {
                it.users = {{.user = "default", .open = true}};
            }}),
    [](const auto & one) { return std::string(one.param.name); });

}
}
