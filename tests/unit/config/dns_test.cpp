// <mtls><dns>, <mtls><admin> and <mtls><audit>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "config/dns_section.h"
#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string server(std::string_view mtls, std::string_view rest = "")
{
    return fmt::format("<clickhouse><mtls>{}</mtls>{}</clickhouse>", mtls, rest);
}

Settings parsed(const std::string & xml)
{
    auto result = parse_server(xml, "config.xml");
    EXPECT_TRUE(result.has_value()) << (result ? "" : describe(result.error()));
    return result ? *result : Settings();
}

constexpr std::string_view cluster
    = "<remote_servers><c>"
      "<shard><replica><host>Ch1.example.org</host></replica><replica><host>ch2</host></replica></shard>"
      "<shard><node><host>10.0.0.1</host></node></shard><node><host>fd00::1</host></node>"
      "<node><host>ch2</host></node><node><host>localhost</host></node></c></remote_servers>"
      "<zookeeper><node><host>zk1</host><port>2181</port></node>"
      "<node><host>secure://zk2.example:2281</host></node></zookeeper>";

TEST(DnsSection, IsOffWithoutIt)
{
    const Settings settings = parsed(server("", cluster));
    EXPECT_FALSE(settings.dns.enabled);
    EXPECT_THAT(settings.dns.names, IsEmpty());
    EXPECT_EQ(settings.admin_socket, "");
}

TEST(DnsSection, WatchesClustersKeeperAndTheList)
{
    const Settings settings
        = parsed(server("<dns><watch>extra.example.org</watch><watch>CH2</watch><watch>db.</watch></dns>", cluster));
    EXPECT_TRUE(settings.dns.enabled);
    EXPECT_THAT(settings.dns.names, ElementsAre("ch1.example.org", "ch2", "db.", "extra.example.org", "zk1", "zk2.example"));
}

TEST(DnsSection, WatchesWhereAGatewaysEgressGoes)
{
    const std::string gateway
        = "<gateway><egress><destination><listen>127.0.0.1:1</listen><to>Zk1.example.org:2281</to></destination>"
          "<destination><to>[2001:db8::1]:9440</to></destination><destination><to>odd</to></destination>"
          "<destination/></egress></gateway>";
    const Settings settings = parsed(server("<dns/>", gateway));
    EXPECT_THAT(settings.dns.names, ElementsAre("zk1.example.org"));
}

TEST(DnsSection, HostsOfTheConfigurationAreKnownWithOrWithoutIt)
{
    const std::string peers = "<nodes><rule><name>n</name><dns>*.nodes.example</dns></rule><plaintext>allow</plaintext>"
                              "<expect><host>Ch3.example.org</host><spiffe_id>spiffe://a.example/n</spiffe_id></expect></nodes>";
    for (const std::string section : {"", "<dns/>"})
    {
        Settings settings = parsed(server(peers + section, cluster));
        add_hosts_of_users(
            "<clickhouse><users><alice><networks><host>Pc.example.org.</host><ip>10.0.0.9</ip><host>10.0.0.8</host></networks>"
            "</alice><bob><networks><host_regexp>^b$</host_regexp></networks></bob></users></clickhouse>",
            settings.dns);
        EXPECT_THAT(
            settings.dns.hosts, ElementsAre(
                                    "10.0.0.1", "10.0.0.8", "ch1.example.org", "ch2", "ch3.example.org", "fd00::1", "localhost",
                                    "pc.example.org", "zk1", "zk2.example"));
        if (settings.dns.enabled)
            EXPECT_THAT(
                settings.dns.names,
                ElementsAre("ch1.example.org", "ch2", "ch3.example.org", "pc.example.org.", "zk1", "zk2.example"));
        else
            EXPECT_THAT(settings.dns.names, IsEmpty());
    }
}

TEST(DnsSection, DocumentedDefaults)
{
    const DnsSettings dns = parsed(server("<dns/>")).dns;
    EXPECT_EQ(dns.min_ttl, seconds(5));
    EXPECT_EQ(dns.max_ttl, seconds(300));
    EXPECT_EQ(dns.negative_ttl, seconds(10));
    EXPECT_EQ(dns.min_interval, seconds(5));
    EXPECT_EQ(dns.failures, 3u);
    EXPECT_FALSE(dns.schedule.has_value());
    EXPECT_FALSE(dns.on_rotation);
    EXPECT_THAT(dns.servers, IsEmpty());
}

TEST(DnsSection, EveryKeyIsRead)
{
    const DnsSettings dns
        = parsed(
              server(
                  "<dns><min_ttl>0.5</min_ttl><max_ttl>60</max_ttl><negative_ttl>2</negative_ttl><min_interval>1</min_interval>"
                  "<failures>7</failures><schedule>3600</schedule><on_rotation>true</on_rotation>"
                  "<servers><server>127.0.0.1:5353</server><server>192.0.2.53</server><server>2001:db8::53</server>"
                  "<server>[2001:db8::53]:53</server></servers></dns>"))
              .dns;
    EXPECT_EQ(dns.min_ttl, milliseconds(500));
    EXPECT_EQ(dns.max_ttl, seconds(60));
    EXPECT_EQ(dns.negative_ttl, seconds(2));
    EXPECT_EQ(dns.min_interval, seconds(1));
    EXPECT_EQ(dns.failures, 7u);
    EXPECT_EQ(dns.schedule, seconds(3600));
    EXPECT_TRUE(dns.on_rotation);
    EXPECT_THAT(dns.servers, ElementsAre("127.0.0.1:5353", "192.0.2.53", "2001:db8::53", "[2001:db8::53]:53"));
}

TEST(DnsSection, FloorAboveTheDefaultCeilingLiftsIt)
{
    EXPECT_EQ(parsed(server("<dns><min_ttl>600</min_ttl></dns>")).dns.max_ttl, seconds(600));
}

struct Mistake
{
    std::string name;
    std::string xml;
    std::string field;
    std::string reason;
};

void PrintTo(const Mistake & one, std::ostream * out)
{
    *out << one.name;
}

class DnsOrAdminMistake : public testing::TestWithParam<Mistake>
{
};

TEST_P(DnsOrAdminMistake, IsAFinding)
{
    const auto result = parse_server(server(GetParam().xml), "config.xml");
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(
        result.error(), ElementsAre(AllOf(
                            Field(&Error::field, GetParam().field), Field(&Error::reason, HasSubstr(GetParam().reason)),
                            Field(&Error::remedy, Not(IsEmpty())))));
}

INSTANTIATE_TEST_SUITE_P(
    Each, DnsOrAdminMistake,
    testing::Values(
        Mistake{"UnknownKey", "<dns><ttl>1</ttl></dns>", "mtls.dns.ttl", "unknown key"},
        Mistake{"WatchedAddress", "<dns><watch>10.0.0.1</watch></dns>", "mtls.dns.watch", "not a host name"},
        Mistake{"WatchedLocalhost", "<dns><watch>localhost</watch></dns>", "mtls.dns.watch", "not a host name that could move"},
        Mistake{"WatchedNonsense", "<dns><watch>a..b</watch></dns>", "mtls.dns.watch", "not a host name"},
        Mistake{
            "ServerName", "<dns><servers><server>dns.example</server></servers></dns>", "mtls.dns.servers.server",
            "not the address"},
        Mistake{
            "ServerPort", "<dns><servers><server>127.0.0.1:0</server></servers></dns>", "mtls.dns.servers.server",
            "not the address"},
        Mistake{
            "ServerBare", "<dns><servers><server>fd00::1:x</server></servers></dns>", "mtls.dns.servers.server",
            "not the address"},
        Mistake{"NoFloor", "<dns><min_ttl>0</min_ttl></dns>", "mtls.dns.min_ttl", "from 0.1 to 86400"},
        Mistake{"CeilingBelowFloor", "<dns><max_ttl>1</max_ttl></dns>", "mtls.dns.max_ttl", "less than min_ttl"},
        Mistake{"Failures", "<dns><failures>-1</failures></dns>", "mtls.dns.failures", "whole number"},
        Mistake{"Schedule", "<dns><schedule>often</schedule></dns>", "mtls.dns.schedule", "number of seconds"},
        Mistake{"RelativeSocket", "<admin><socket>here</socket></admin>", "mtls.admin.socket", "not an absolute path"},
        Mistake{"LongSocket", "<admin><socket>/" + std::string(100, 'x') + "</socket></admin>", "mtls.admin.socket", "101 bytes"},
        Mistake{"NoTrail", "<audit/>", "mtls.audit.file", "is missing"},
        Mistake{"RelativeTrail", "<audit><file>here</file></audit>", "mtls.audit.file", "not an absolute path"},
        Mistake{
            "TrailOnFailure", "<audit><file>/a</file><on_failure>ignore</on_failure></audit>", "mtls.audit.on_failure",
            "unknown word"},
        Mistake{"TrailKey", "<audit><file>/a</file><files>/b</files></audit>", "mtls.audit.files", "unknown key"}),
    [](const auto & one) { return one.param.name; });

TEST(AuditSection, NamesTheTrail)
{
    EXPECT_EQ(parsed(server("")).audit, AuditTrail{});
    EXPECT_EQ(parsed(server("<audit><file>/a/b</file></audit>")).audit, (AuditTrail{"/a/b", false}));
    EXPECT_EQ(
        parsed(server("<audit><file>/a/b</file><on_failure>refuse</on_failure></audit>")).audit, (AuditTrail{"/a/b", true}));
}

TEST(AdminSection, NamesTheSocket)
{
    EXPECT_EQ(
        parsed(server("<admin><socket>/run/clickhouse/mtls.sock</socket></admin>")).admin_socket, "/run/clickhouse/mtls.sock");
}

}
}
