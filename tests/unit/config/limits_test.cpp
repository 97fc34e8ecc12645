// <mtls><limits>: what is read, and what is refused.

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

std::string server(std::string_view limits)
{
    return fmt::format(
        "<clickhouse><tcp_port_secure>9440</tcp_port_secure><openSSL><server><privateKeyFile>/k.pem</privateKeyFile></server>"
        "</openSSL><mtls><limits>{}</limits></mtls></clickhouse>",
        limits);
}

TEST(LimitsSection, EachClassHasItsOwn)
{
    const auto parsed = parse_server(
        server("<users><min_rsa_bits>3072</min_rsa_bits><curves>p-256, ed25519</curves><signature_hashes>sha256 SHA384"
               "</signature_hashes><max_certificate_lifetime>1h</max_certificate_lifetime></users>"
               "<keeper><min_remaining_lifetime>1d</min_remaining_lifetime></keeper>"),
        "config.xml");
    ASSERT_TRUE(parsed.has_value()) << describe(parsed.error());
    const auto & users = parsed->limits[static_cast<size_t>(PeerClass::users)];
    EXPECT_EQ(users.min_rsa_bits, 3072u);
    EXPECT_THAT(users.curves, ElementsAre("P-256", "ED25519"));
    EXPECT_THAT(users.signature_hashes, ElementsAre("SHA256", "SHA384"));
    EXPECT_EQ(users.max_certificate_lifetime, std::chrono::hours(1));
    EXPECT_EQ(users.min_remaining_lifetime, std::nullopt);
    EXPECT_EQ(parsed->limits[static_cast<size_t>(PeerClass::nodes)].min_rsa_bits, std::nullopt);
    EXPECT_EQ(parsed->limits[static_cast<size_t>(PeerClass::keeper)].min_remaining_lifetime, std::chrono::hours(24));
}

TEST(LimitsSection, SecurityLevelIsForAllClasses)
{
    EXPECT_EQ(parse_server(server("<security_level>1</security_level>"), "config.xml")->security_level, 1);
    EXPECT_EQ(parse_server(server("<users/>"), "config.xml")->security_level, std::nullopt);
}

TEST(LimitsSection, UnfinishedConnections)
{
    const auto silent = parse_server(server(""), "config.xml");
    ASSERT_TRUE(silent.has_value()) << describe(silent.error());
    EXPECT_EQ(silent->unfinished.handshake_timeout, std::chrono::seconds(10));
    EXPECT_EQ(silent->unfinished.total, 0u);
    EXPECT_FALSE(silent->core_dumps);
    const auto parsed = parse_server(
        server("<handshake_timeout>1m</handshake_timeout><max_unfinished>100</max_unfinished>"
               "<max_unfinished_per_address>100</max_unfinished_per_address>"),
        "config.xml");
    ASSERT_TRUE(parsed.has_value()) << describe(parsed.error());
    EXPECT_EQ(parsed->unfinished.handshake_timeout, std::chrono::minutes(1));
    EXPECT_EQ(parsed->unfinished.total, 100u);
    EXPECT_EQ(parsed->unfinished.per_address, 100u);
}

struct RefusalCase
{
    std::string name;
    std::string limits;
    std::string field;
    std::string reason;
};

void PrintTo(const RefusalCase & one, std::ostream * out)
{
    *out << one.name;
}

class LimitsRefusals : public testing::TestWithParam<RefusalCase>
{
};

TEST_P(LimitsRefusals, NameTheSetting)
{
    const auto parsed = parse_server(server(GetParam().limits), "config.xml");
    ASSERT_FALSE(parsed.has_value());
    EXPECT_THAT(
        parsed.error(), ElementsAre(AllOf(
                            Field(&Error::field, GetParam().field), Field(&Error::reason, HasSubstr(GetParam().reason)),
                            Field(&Error::remedy, testing::Not(IsEmpty())))));
}

INSTANTIATE_TEST_SUITE_P(
    All, LimitsRefusals,
    testing::Values(
        RefusalCase{
            "NoHandshakeTime", "<handshake_timeout>0</handshake_timeout>", "mtls.limits.handshake_timeout", "no length of time"},
        RefusalCase{"LongHandshake", "<handshake_timeout>1h</handshake_timeout>", "mtls.limits.handshake_timeout", "10 minutes"},
        RefusalCase{"NobodyUnfinished", "<max_unfinished>0</max_unfinished>", "mtls.limits.max_unfinished", "not a whole number"},
        RefusalCase{
            "OneAddressMoreThanAll",
            "<max_unfinished>10</max_unfinished><max_unfinished_per_address>11</max_unfinished_per_address>",
            "mtls.limits.max_unfinished_per_address", "more than max_unfinished"},
        RefusalCase{"UnknownClass", "<everybody/>", "mtls.limits.everybody", "unknown key"},
        RefusalCase{"UnknownKey", "<users><rsa>1</rsa></users>", "mtls.limits.users.rsa", "unknown key"},
        RefusalCase{
            "FewBits", "<users><min_rsa_bits>512</min_rsa_bits></users>", "mtls.limits.users.min_rsa_bits",
            "not a whole number from 1024"},
        RefusalCase{"NoLevel", "<security_level>0</security_level>", "mtls.limits.security_level", "not a whole number from 1"},
        RefusalCase{"UnknownCurve", "<users><curves>P-256,P-255</curves></users>", "mtls.limits.users.curves", "\"P-255\""},
        RefusalCase{"NoCurve", "<users><curves>,</curves></users>", "mtls.limits.users.curves", "names nothing"},
        RefusalCase{
            "UnknownHash", "<nodes><signature_hashes>MD5</signature_hashes></nodes>", "mtls.limits.nodes.signature_hashes",
            "\"MD5\""},
        RefusalCase{
            "NoDuration", "<users><max_certificate_lifetime>soon</max_certificate_lifetime></users>",
            "mtls.limits.users.max_certificate_lifetime", "no length of time"},
        RefusalCase{
            "Negative", "<users><min_remaining_lifetime>-1h</min_remaining_lifetime></users>",
            "mtls.limits.users.min_remaining_lifetime", "no length of time"},
        RefusalCase{
            "Contradiction",
            "<users><max_certificate_lifetime>1h</max_certificate_lifetime><min_remaining_lifetime>1h</min_remaining_lifetime>"
            "</users>",
            "mtls.limits.users.min_remaining_lifetime", "no certificate could keep both"}),
    [](const auto & one) { return one.param.name; });

}
}
