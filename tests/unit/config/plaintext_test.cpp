// Which ports and entries of a server configuration let data cross the network in plain text.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::ElementsAreArray;
using testing::HasSubstr;

std::string server(std::string_view plaintext, std::string_view rest)
{
    return fmt::format(
        "<clickhouse><mtls><nodes><rule><name>cluster</name><dns>*.nodes</dns></rule>{}</nodes></mtls>\n{}</clickhouse>",
        plaintext, rest);
}

struct Plain
{
    std::string name;
    std::string xml;
    std::vector<std::string> fields; ///< that are found
};

void PrintTo(const Plain & one, std::ostream * out)
{
    *out << one.name;
}

class PlaintextFound : public testing::TestWithParam<Plain>
{
};

TEST_P(PlaintextFound, RefusedWarnedOfOrAllowed)
{
    const auto & [name, xml, fields] = GetParam();
    const auto refused = parse_server(server("", xml), "config.xml");
    std::vector<std::string> found;
    if (!refused)
        for (const Error & error : refused.error())
        {
            found.push_back(error.field);
            EXPECT_THAT(error.file, HasSubstr("config.xml:"));
            EXPECT_THAT(error.remedy, HasSubstr("mtls.nodes.plaintext"));
        }
    EXPECT_THAT(found, ElementsAreArray(fields));

    const auto warned = parse_server(server("<plaintext>warn</plaintext>", xml), "config.xml");
    ASSERT_TRUE(warned.has_value());
    std::vector<std::string> warnings; // ports have others of their own
    for (const std::string & warning : warned->warnings)
        if (warning.find("mtls.nodes.plaintext") != std::string::npos)
            warnings.push_back(warning);
    ASSERT_EQ(warnings.size(), fields.size());
    for (size_t i = 0; i < fields.size(); ++i)
        EXPECT_THAT(warnings[i], HasSubstr(fields[i]));

    const auto allowed = parse_server(server("<plaintext>allow</plaintext>", xml), "config.xml");
    ASSERT_TRUE(allowed.has_value());
    EXPECT_THAT(allowed->warnings, testing::Each(testing::Not(HasSubstr("mtls.nodes.plaintext"))));
}

Plain listen(std::string name, const std::string & hosts, std::vector<std::string> fields)
{
    return {std::move(name), "<tcp_port>9000</tcp_port><http_port>8123</http_port>" + hosts, std::move(fields)};
}

Plain cluster(std::string name, const std::string & inside, std::vector<std::string> fields)
{
    return {std::move(name), "<remote_servers><prod>" + inside + "</prod></remote_servers>", std::move(fields)};
}

Plain keeper(std::string name, const std::string & inside, std::vector<std::string> fields)
{
    return {std::move(name), "<zookeeper>" + inside + "</zookeeper>", std::move(fields)};
}

INSTANTIATE_TEST_SUITE_P(
    In, PlaintextFound,
    testing::Values(
        Plain{"Nothing", "", {}},
        Plain{"Interserver", "<interserver_http_port>9009</interserver_http_port>", {"interserver_http_port"}},
        Plain{"EncryptedInterserver", "<interserver_https_host>x</interserver_https_host>", {}},
        listen("DefaultIsLoopback", "", {}), listen("Loopback4", "<listen_host>127.0.0.1</listen_host>", {}),
        listen("LoopbackNet", "<listen_host>127.3.2.1</listen_host>", {}),
        listen("Loopback6", "<listen_host> ::1 </listen_host>", {}),
        listen("Localhost", "<listen_host>localhost</listen_host>", {}),
        listen("Everything4", "<listen_host>0.0.0.0</listen_host>", {"tcp_port", "http_port"}),
        listen("Everything6", "<listen_host>::</listen_host>", {"tcp_port", "http_port"}),
        listen("OneOfSeveral", "<listen_host>::1</listen_host><listen_host>10.0.0.1</listen_host>", {"tcp_port", "http_port"}),
        listen("AName", "<listen_host>ch1.example.org</listen_host>", {"tcp_port", "http_port"}),
        Plain{"OnlyOnePort", "<http_port>8123</http_port><listen_host>::</listen_host>", {"http_port"}},
        Plain{"SecurePortsAreMeantToBeOpen", "<listen_host>::</listen_host>", {}},
        cluster("SecureReplica", "<shard><replica><host>a</host><secure>1</secure></replica></shard>", {}),
        cluster(
            "SecureWords", "<shard><replica><secure>true</secure></replica><replica><secure> YES </secure></replica></shard>",
            {}),
        cluster("SecureNumber", "<node><secure>2</secure></node>", {}),
        cluster("PlainReplica", "<shard><replica><host>a</host></replica></shard>", {"remote_servers.prod.shard.replica"}),
        cluster("NotSecure", "<shard><replica><secure>0</secure></replica></shard>", {"remote_servers.prod.shard.replica"}),
        cluster("SecureEmpty", "<shard><replica><secure/></replica></shard>", {"remote_servers.prod.shard.replica"}),
        cluster(
            "EachOfSeveral",
            "<shard><replica><secure>1</secure></replica></shard><shard><weight>1</weight><internal_replication>1"
            "</internal_replication><replica/><replica><secure>1</secure></replica><replica/></shard>",
            {"remote_servers.prod.shard[1].replica[0]", "remote_servers.prod.shard[1].replica[2]"}),
        cluster("NumberedNames", "<shard_1><replica_1/></shard_1>", {"remote_servers.prod.shard_1.replica_1"}),
        cluster("Nodes", "<node><secure>1</secure></node><node/>", {"remote_servers.prod.node[1]"}),
        cluster("OtherKeys", "<secret>x</secret>", {}),
        keeper("SecureKeeper", "<node><host>a</host><secure>1</secure></node><session_timeout_ms>1</session_timeout_ms>", {}),
        keeper("SecureHost", "<node><host>secure://a</host></node>", {}),
        keeper("PlainKeeper", "<node><host>a</host></node><node><host>b</host><secure>1</secure></node>", {"zookeeper.node[0]"}),
        keeper("IndexedKeepers", "<node index='1'/><node index='2'/>", {"zookeeper.node[0]", "zookeeper.node[1]"}),
        Plain{
            "Everywhere",
            "<interserver_http_port>1</interserver_http_port><tcp_port>2</tcp_port><listen_host>::</"
            "listen_host><remote_servers><a>"
            "<node/></a><b><shard><replica/></shard></b></remote_servers><zookeeper><node/></zookeeper>",
            {"interserver_http_port", "tcp_port", "remote_servers.a.node", "remote_servers.b.shard.replica", "zookeeper.node"}}),
    [](const auto & test) { return test.param.name; });

TEST(Plaintext, CountsOnlyWithNodes)
{
    EXPECT_TRUE(
        parse_server(
            "<clickhouse><mtls/><interserver_http_port>9009</interserver_http_port><zookeeper><node/></zookeeper></clickhouse>",
            "config.xml")
            .has_value());
}

TEST(Plaintext, NamesTheHost)
{
    const auto refused = parse_server(
        server(
            "", "<remote_servers><prod><node><host> ch7\n</host></node></prod></remote_servers><zookeeper><node/></zookeeper>"),
        "config.xml");
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error()[0].reason, HasSubstr("ch7 is connected to unencrypted"));
}

}
}
