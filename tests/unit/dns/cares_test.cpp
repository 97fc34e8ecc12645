// The real resolver against a DNS server on loopback.

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/wake.h"
#include "dns/cares_resolver.h"
#include "support/dns_server.h"

namespace chmtls::dns
{
namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::dns_a;
using test::dns_aaaa;
using test::dns_cname;
using test::DnsReply;
using test::DnsServer;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::optional<DnsReply> zone(const std::string & name, uint16_t type)
{
    if (name == "both.example")
        return type == dns_a ? DnsReply{0, {{name, dns_a, 40, "10.1.0.1"}, {name, dns_a, 30, "10.1.0.2"}}}
                             : DnsReply{0, {{name, dns_aaaa, 20, "fd00::7"}}};
    if (name == "alias.example")
    {
        DnsReply reply{0, {{name, dns_cname, 11, "target.example"}}};
        if (type == dns_a)
            reply.records.push_back({"target.example", dns_a, 600, "10.1.0.3"});
        return reply;
    }
    if (name == "half.example")
        return type == dns_a ? DnsReply{0, {{name, dns_a, 40, "10.1.0.4"}}} : DnsReply{2, {}};
    if (name == "broken.example")
        return DnsReply{2, {}};
    if (name == "silent.example")
        return std::nullopt;
    return DnsReply{3, {}};
}

class RealResolver : public testing::Test
{
protected:
    RealResolver() { resolver_->use({server_.address()}); }

    Lookup look_up(const std::string & name)
    {
        resolver_->start(name);
        const auto end = std::chrono::steady_clock::now() + seconds(30);
        while (std::chrono::steady_clock::now() < end)
        {
            auto ended = resolver_->wait(wake_.handle(), milliseconds(500));
            if (!ended.empty())
                return ended.front();
        }
        ADD_FAILURE() << "the lookup did not end";
        return {};
    }

    DnsServer server_{zone};
    Wake wake_;
    std::unique_ptr<Resolver> resolver_ = make_cares_resolver();
};

TEST_F(RealResolver, GivesBothFamiliesWithTheirTtl)
{
    const Lookup found = look_up("both.example.");
    EXPECT_EQ(found.name, "both.example.");
    EXPECT_EQ(found.ipv4.kind, Answer::Kind::addresses);
    EXPECT_THAT(found.ipv4.addresses, UnorderedElementsAre("10.1.0.1", "10.1.0.2"));
    EXPECT_EQ(found.ipv4.ttl, seconds(30));
    EXPECT_THAT(found.ipv6.addresses, ElementsAre("fd00::7"));
    EXPECT_EQ(found.ipv6.ttl, seconds(20));
}

TEST_F(RealResolver, TtlOfAnAliasCounts)
{
    const Lookup found = look_up("alias.example.");
    EXPECT_THAT(found.ipv4.addresses, ElementsAre("10.1.0.3"));
    EXPECT_EQ(found.ipv4.ttl, seconds(11));
    EXPECT_EQ(found.ipv6.kind, Answer::Kind::none);
}

TEST_F(RealResolver, TellsAbsenceFromFailure)
{
    const Lookup absent = look_up("nowhere.example.");
    EXPECT_EQ(absent.ipv4.kind, Answer::Kind::none);
    EXPECT_EQ(absent.ipv6.kind, Answer::Kind::none);
    EXPECT_FALSE(absent.ipv4.failure.empty());
    const Lookup broken = look_up("broken.example.");
    EXPECT_EQ(broken.ipv4.kind, Answer::Kind::failed);
    EXPECT_EQ(broken.ipv6.kind, Answer::Kind::failed);
    EXPECT_FALSE(broken.ipv4.failure.empty());
    const Lookup half = look_up("half.example.");
    EXPECT_EQ(half.ipv4.kind, Answer::Kind::addresses);
    EXPECT_EQ(half.ipv6.kind, Answer::Kind::failed);
}

TEST_F(RealResolver, SilenceEndsByItself)
{
    const Lookup silent = look_up("silent.example.");
    EXPECT_EQ(silent.ipv4.kind, Answer::Kind::failed);
    EXPECT_EQ(silent.ipv6.kind, Answer::Kind::failed);
}

TEST_F(RealResolver, ServesOthersWhileOneIsSilent)
{
    resolver_->start("silent.example.");
    resolver_->start("both.example.");
    std::vector<Lookup> ended;
    const auto begin = std::chrono::steady_clock::now();
    while (ended.empty() && std::chrono::steady_clock::now() - begin < seconds(30))
        ended = resolver_->wait(wake_.handle(), milliseconds(500));
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended.front().name, "both.example.");
}

TEST_F(RealResolver, EndsWhatIsUnderWayWhenTheServersChange)
{
    resolver_->start("silent.example.");
    EXPECT_THAT(resolver_->wait(wake_.handle(), milliseconds(1)), IsEmpty());
    resolver_->use({server_.address()});
    const auto ended = resolver_->wait(wake_.handle(), milliseconds(0));
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended.front().ipv4.kind, Answer::Kind::failed);
    EXPECT_EQ(look_up("both.example.").ipv4.kind, Answer::Kind::addresses);
}

TEST_F(RealResolver, IsWoken)
{
    resolver_->start("silent.example.");
    wake_.send();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(resolver_->wait(wake_.handle(), seconds(60)), IsEmpty());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(30));
}

/// A name and its IPv4 address from /etc/hosts. Not localhost, which c-ares knows by itself.
std::optional<std::pair<std::string, std::string>> line_of_hosts_file()
{
    std::ifstream file("/etc/hosts");
    for (std::string line; std::getline(file, line);)
    {
        std::istringstream words(line);
        std::string address;
        std::string name;
        if (words >> address >> name && address.front() != '#' && address.find(':') == std::string::npos && name != "localhost")
            return std::pair(name, address);
    }
    return std::nullopt;
}

TEST_F(RealResolver, KnowsTheHostsFile)
{
    const auto line = line_of_hosts_file();
    if (!line)
        GTEST_SKIP() << "/etc/hosts names nobody but localhost";
    const Lookup found = look_up(line->first);
    EXPECT_EQ(found.ipv4.kind, Answer::Kind::addresses);
    EXPECT_THAT(found.ipv4.addresses, testing::Contains(line->second));
    EXPECT_EQ(found.ipv4.ttl, seconds(0)) << "it has none of its own: the floor decides";
}

}
}
