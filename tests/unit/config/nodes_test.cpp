// Between servers: <nodes>, <keeper>, <credentials>, and the interserver port.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view one_rule = "<rule><name>cluster</name><dns>*.nodes.internal</dns></rule>";

std::string server(std::string_view mtls, std::string_view rest = "", std::string_view client = "")
{
    return fmt::format(
        "<clickhouse>\n<interserver_https_port>9010</interserver_https_port>\n<openSSL><server><certificateFile>/c</"
        "certificateFile>"
        "<privateKeyFile>/k</privateKeyFile></server><client>{}</client></openSSL>\n<mtls>{}</mtls>\n{}</clickhouse>\n",
        client, mtls, rest);
}

Settings parsed(const std::string & xml)
{
    auto result = parse_server(xml, "config.xml");
    EXPECT_TRUE(result.has_value()) << (result ? "" : describe(result.error()));
    return result ? *result : Settings();
}

Errors refused(const std::string & xml)
{
    auto result = parse_server(xml, "config.xml");
    EXPECT_FALSE(result.has_value()) << xml;
    return result ? Errors() : result.error();
}

auto finding(const std::string & field, const std::string & reason)
{
    return AllOf(
        Field(&Error::field, field), Field(&Error::reason, HasSubstr(reason)), Field(&Error::remedy, testing::Not(IsEmpty())));
}

TEST(NodesSection, WithoutItNothingIsEnforced)
{
    const Settings settings = parsed(server("", "<interserver_http_port>9009</interserver_http_port>"));
    EXPECT_FALSE(settings.nodes.has_value());
    EXPECT_FALSE(settings.keeper.has_value());
    EXPECT_FALSE(settings.node_certificate.has_value());
    EXPECT_FALSE(settings.keeper_certificate.has_value());
}

TEST(NodesSection, EverythingIsRead)
{
    const Settings settings = parsed(
        server("<nodes><rule><name>cluster</name><spiffe_id>spiffe://prod/ch/*</spiffe_id></rule>"
               "<rule><name>old</name><dns>a</dns><issuer>CN=x</issuer></rule>"
               "<acts_as><user>default</user><user> replica </user></acts_as>"
               "<table_functions><user>etl</user><user>admin</user></table_functions>"
               "<expect><host>ch1.example.org</host><spiffe_id>spiffe://prod/ch/1</spiffe_id></expect>"
               "<plaintext>warn</plaintext><unasked_inserts>allow</unasked_inserts></nodes>"
               "<keeper><rule><name>zk</name><dns>zk</dns></rule>"
               "<expect><host>zk1</host><spiffe_id>spiffe://prod/zk</spiffe_id></expect></keeper>"
               "<credentials><node><certificateFile>/n.pem</certificateFile><privateKeyFile>/n.key</privateKeyFile>"
               "<privateKeyPassphraseHandler><name>KeyFileHandler</name><options><password>s</password></options>"
               "</privateKeyPassphraseHandler></node><keeper><privateKeyFile>/z.pem</privateKeyFile></keeper></credentials>"));
    ASSERT_TRUE(settings.nodes.has_value());
    const NodesSection & nodes = *settings.nodes;
    ASSERT_THAT(nodes.peers.rules, SizeIs(2));
    EXPECT_EQ(nodes.peers.rules[0].name, "cluster");
    EXPECT_EQ(nodes.peers.rules[0].user, "");
    EXPECT_EQ(nodes.peers.rules[0].matchers[0].field, "spiffe_id");
    EXPECT_THAT(nodes.peers.rules[1].matchers, SizeIs(2));
    EXPECT_THAT(nodes.peers.rules[1].source, HasSubstr("mtls.nodes.rule[1]"));
    EXPECT_THAT(nodes.acts_as, ElementsAre("default", "replica"));
    EXPECT_THAT(nodes.table_functions, ElementsAre("etl", "admin"));
    ASSERT_THAT(nodes.peers.expected, SizeIs(1));
    EXPECT_EQ(nodes.peers.expected[0].host, "ch1.example.org");
    EXPECT_EQ(nodes.peers.expected[0].spiffe_id, "spiffe://prod/ch/1");
    EXPECT_EQ(nodes.plaintext, Plaintext::warn);
    EXPECT_TRUE(nodes.unasked_inserts);
    ASSERT_TRUE(settings.keeper.has_value());
    EXPECT_THAT(settings.keeper->rules, SizeIs(1));
    EXPECT_THAT(settings.keeper->expected, SizeIs(1));
    EXPECT_EQ(settings.node_certificate->certificate_file, "/n.pem");
    EXPECT_EQ(settings.node_certificate->passphrase, "s");
    EXPECT_EQ(settings.keeper_certificate->certificate_file, "/z.pem") << "both in one file";
}

TEST(NodesSection, APasswordBetweenReplicasIsAdvised)
{
    const std::string credentials
        = "<interserver_http_credentials><user>u</user><password>p</password></interserver_http_credentials>";
    EXPECT_THAT(parsed(server("")).warnings, testing::Contains(HasSubstr("interserver_http_credentials")));
    EXPECT_THAT(
        parsed(server("", credentials)).warnings, testing::Not(testing::Contains(HasSubstr("interserver_http_credentials"))));
}

TEST(NodesSection, PlaintextIsRefusedByDefault)
{
    EXPECT_EQ(parsed(server(fmt::format("<nodes>{}</nodes>", one_rule))).nodes->plaintext, Plaintext::refuse);
    EXPECT_FALSE(parsed(server(fmt::format("<nodes>{}</nodes>", one_rule))).nodes->unasked_inserts);
}

struct Bad
{
    const char * name;
    const char * mtls;
    const char * field;
    const char * reason;
    const char * client = "";
};

void PrintTo(const Bad & one, std::ostream * out)
{
    *out << one.name;
}

class NodesRefused : public testing::TestWithParam<Bad>
{
};

TEST_P(NodesRefused, Is)
{
    EXPECT_THAT(
        refused(server(GetParam().mtls, "", GetParam().client)), ElementsAre(finding(GetParam().field, GetParam().reason)));
}

INSTANTIATE_TEST_SUITE_P(
    Section, NodesRefused,
    testing::Values(
        Bad{"NoRule", "<nodes/>", "mtls.nodes", "no <rule>"},
        Bad{"NoTableFunctionUser", "<nodes><rule><name>a</name><dns>a</dns></rule><table_functions/></nodes>",
            "mtls.nodes.table_functions", "no <user>"},
        Bad{"NoSuchTableFunctionKey",
            "<nodes><rule><name>a</name><dns>a</dns></rule><table_functions><user>a</user><all/></table_functions></nodes>",
            "mtls.nodes.table_functions.all", "unknown key"},
        Bad{"UnknownKey", "<nodes><rule><name>a</name><dns>a</dns></rule><user>x</user></nodes>", "mtls.nodes.user",
            "unknown key"},
        Bad{"RuleWithUser", "<nodes><rule><name>a</name><dns>a</dns><user>x</user></rule></nodes>", "mtls.nodes.rule[0].user",
            "yields no user"},
        Bad{"RuleWithoutName", "<nodes><rule><dns>a</dns></rule></nodes>", "mtls.nodes.rule[0]", "no <name>"},
        Bad{"RuleWithoutMatcher", "<nodes><rule><name>a</name></rule></nodes>", "mtls.nodes.rule[0]", "no matcher"},
        Bad{"NobodyToActAs", "<nodes><rule><name>a</name><dns>a</dns></rule><acts_as/></nodes>", "mtls.nodes.acts_as",
            "no <user>"},
        Bad{"EmptyUser", "<nodes><rule><name>a</name><dns>a</dns></rule><acts_as><user/></acts_as></nodes>",
            "mtls.nodes.acts_as.user", "empty"},
        Bad{"UnknownPlaintext", "<nodes><rule><name>a</name><dns>a</dns></rule><plaintext>ask</plaintext></nodes>",
            "mtls.nodes.plaintext", "unknown word"},
        Bad{"ExpectWithoutHost",
            "<nodes><rule><name>a</name><dns>a</dns></rule><expect><spiffe_id>spiffe://a/b</spiffe_id></expect></nodes>",
            "mtls.nodes.expect[0]", "no <host>"},
        Bad{"ExpectWithoutId", "<nodes><rule><name>a</name><dns>a</dns></rule><expect><host>h</host></expect></nodes>",
            "mtls.nodes.expect[0]", "no <spiffe_id>"},
        Bad{"NodesThatAreNotVerified", "<nodes><rule><name>a</name><dns>a</dns></rule></nodes>", "mtls.nodes",
            "verificationMode is none", "<verificationMode>none</verificationMode>"},
        Bad{"NodesThatAreTakenAnyway", "<nodes><rule><name>a</name><dns>a</dns></rule></nodes>", "mtls.nodes",
            "AcceptCertificateHandler",
            "<invalidCertificateHandler><name>AcceptCertificateHandler</name></invalidCertificateHandler>"},
        Bad{"EmptyKeeper", "<keeper/>", "mtls.keeper", "neither"},
        Bad{"KeeperThatIsNotVerified", "<keeper><rule><name>a</name><dns>a</dns></rule></keeper>", "mtls.keeper",
            "verificationMode is none", "<verificationMode>none</verificationMode>"},
        Bad{"NoCredentials", "<credentials/>", "mtls.credentials", "neither"},
        Bad{"CredentialWithoutKey", "<credentials><node><certificateFile>/c</certificateFile></node></credentials>",
            "mtls.credentials.node", "no <privateKeyFile>"},
        Bad{"InterserverOptional",
            "<listeners><interserver_https_port><client_certificate>optional</client_certificate></interserver_https_port>"
            "</listeners>",
            "mtls.listeners.interserver_https_port.client_certificate", "always"},
        Bad{"InterserverNone",
            "<listeners><interserver_https_port><client_certificate>none</client_certificate></interserver_https_port>"
            "</listeners>",
            "mtls.listeners.interserver_https_port.client_certificate", "always"}),
    [](const auto & test) { return std::string(test.param.name); });

TEST(InterserverPort, AlwaysRequiresACertificate)
{
    for (const std::string_view mode : {"none", "relaxed", "once", "strict"})
        for (const std::string_view listeners :
             {"", "<listeners><interserver_https_port><client_certificate>required</client_certificate></interserver_https_port>"
                  "</listeners>"})
        {
            const Settings settings = parsed(fmt::format(
                "<clickhouse><tcp_port_secure>9440</tcp_port_secure><interserver_https_port>9010</"
                "interserver_https_port><openSSL>"
                "<server><privateKeyFile>/k</privateKeyFile><verificationMode>{}</verificationMode></server></openSSL><mtls>{}"
                "</mtls></clickhouse>",
                mode, listeners));
            ASSERT_THAT(settings.listeners, SizeIs(2));
            EXPECT_EQ(settings.listeners[1].client_certificate, ClientCertificate::required) << mode;
            EXPECT_EQ(settings.listeners[0].client_certificate == ClientCertificate::none, mode == "none");
        }
}

}
}
