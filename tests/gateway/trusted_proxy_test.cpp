#include <gtest/gtest.h>

#include <gateway/trusted_proxy.h>

namespace
{

using namespace chmtls::gateway;

constexpr const char * edge
    = R"({"common_name":"edge","spiffe_id":null,"san":{"dns":["other.example.org","edge.example.org"],"uri":["edge"]}})";
constexpr const char * workload
    = R"({"common_name":"edge","spiffe_id":"spiffe://example.org/edge","san":{"dns":["edge.example.org"],"uri":[]}})";

TrustedProxy proxy(const char * common_name, const char * dns, const char * spiffe_id)
{
    TrustedProxy made;
    made.common_name = common_name;
    made.dns = dns;
    made.spiffe_id = spiffe_id;
    return made;
}

TEST(TrustedProxies, AreKnownByAllThatTheRuleNames)
{
    EXPECT_TRUE(is_proxy(proxy("edge", "", ""), edge));
    EXPECT_TRUE(is_proxy(proxy("", "edge.example.org", ""), edge));
    EXPECT_TRUE(is_proxy(proxy("edge", "other.example.org", ""), edge));
    EXPECT_TRUE(is_proxy(proxy("", "", "spiffe://example.org/edge"), workload));
    EXPECT_TRUE(is_proxy(proxy("edge", "", "spiffe://example.org/edge"), workload));

    EXPECT_FALSE(is_proxy(proxy("Edge", "", ""), edge));
    EXPECT_FALSE(is_proxy(proxy("", "edge", ""), edge)); // a URI is no DNS name
    EXPECT_FALSE(is_proxy(proxy("edge", "third.example.org", ""), edge));
    EXPECT_FALSE(is_proxy(proxy("", "", "spiffe://example.org/edge"), edge));
    EXPECT_FALSE(is_proxy(proxy("", "", "spiffe://example.org/other"), workload));
}

TEST(TrustedProxies, OfATrustDomainAreKnownByTheirIdOnly)
{
    EXPECT_FALSE(is_proxy(proxy("edge", "", ""), workload));
    EXPECT_FALSE(is_proxy(proxy("", "edge.example.org", ""), workload));
}

TEST(TrustedProxies, AreNotWhatCannotBeRead)
{
    for (const char * json : {"", "[]", "{}", "null", R"({"san":[]})"})
        EXPECT_FALSE(is_proxy(proxy("", "edge.example.org", ""), json)) << json;
}

}
