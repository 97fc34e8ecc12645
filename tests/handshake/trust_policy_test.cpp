// The real module behind the binding: revocation by policy, and limits beyond validity. Each refusal beside its accepted twin.

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;
using std::chrono::seconds;

struct PolicyCase
{
    std::string name;
    std::string mtls;  ///< LIST stands for the file of the list
    pki::CrlSpec list; ///< by the world's authority; names the client where `revoke` is set
    bool revoke = false;
    int alert = -1;          ///< -1: accepted
    std::string reason = {}; ///< part of the refusal
};

void PrintTo(const PolicyCase & one, std::ostream * out)
{
    *out << one.name;
}

class TrustPolicy : public testing::TestWithParam<std::tuple<PolicyCase, int>>
{
};

TEST_P(TrustPolicy, Client)
{
    const auto & [one, version] = GetParam();
    ModuleWorld world;
    auto list = one.list;
    if (one.revoke)
        list.revoked = {{.serial_hex = world.client.certificate.facts().serial_hex}};
    world.directory.write("list.crl", pki::crl_pem(value(pki::issue_crl(list, world.root))));
    world.options.extra_mtls = one.mtls;
    if (const size_t at = one.mtls.find("LIST"); at != std::string::npos)
        world.options.extra_mtls.replace(at, 4, world.directory.file("list.crl"));

    Bound bound(world.plugin());
    const auto server = bound.server(version);
    const auto client = world.plain_client(version, world.client);
    TlsPair pair(server.get(), client.get());
    const auto & result = pair.run();
    EXPECT_EQ(result.completed, one.alert == -1) << SslBinding::refusal_of(pair.server());
    EXPECT_EQ(result.client.alert_received, one.alert);
    EXPECT_EQ(SslBinding::identity_of(pair.server()) != nullptr, one.alert == -1);
    EXPECT_NE(SslBinding::refusal_of(pair.server()).find(one.reason), std::string::npos) << SslBinding::refusal_of(pair.server());
}

const std::string require = "<revocation><policy>require</policy></revocation>";
const std::string listed = "<crl>LIST</crl>";
const pki::CrlSpec stale{.revoked = {}, .this_update = seconds(-7200), .next_update = seconds(-3600)};

INSTANTIATE_TEST_SUITE_P(
    Module, TrustPolicy,
    testing::Combine(
        testing::Values(
            PolicyCase{"NoList", "", {}}, PolicyCase{"RequiredAndThere", require + listed, {}},
            PolicyCase{"RequiredAndMissing", require, {}, false, SSL_AD_CERTIFICATE_UNKNOWN, "no CRL of"},
            PolicyCase{"Listed", listed, {}, true, SSL_AD_CERTIFICATE_REVOKED, "is revoked"},
            PolicyCase{"ListedButOff", "<revocation><policy>off</policy></revocation>" + listed, {}, true},
            PolicyCase{"Stale", listed, stale, false, SSL_AD_CERTIFICATE_UNKNOWN, "expired"},
            PolicyCase{"StaleInGrace", "<revocation><grace>2h</grace></revocation>" + listed, stale},
            PolicyCase{
                "StaleBeyondGrace", "<revocation><grace>30m</grace></revocation>" + listed, stale, false,
                SSL_AD_CERTIFICATE_UNKNOWN, "and its grace"},
            PolicyCase{"StaleOpen", "<revocation><stale>open</stale></revocation>" + listed, stale},
            PolicyCase{
                "StaleOpenButListed", "<revocation><stale>open</stale></revocation>" + listed, stale, true,
                SSL_AD_CERTIFICATE_REVOKED, "is revoked"},
            PolicyCase{
                "LivesTooLong",
                "<limits><users><max_certificate_lifetime>1h</max_certificate_lifetime></users></limits>",
                {},
                false,
                SSL_AD_BAD_CERTIFICATE,
                "max_certificate_lifetime"},
            PolicyCase{
                "LimitOfOthers", "<limits><nodes><max_certificate_lifetime>1h</max_certificate_lifetime></nodes></limits>", {}},
            PolicyCase{
                "TooLittleLeft",
                "<limits><users><min_remaining_lifetime>100d</min_remaining_lifetime></users></limits>",
                {},
                false,
                SSL_AD_CERTIFICATE_EXPIRED,
                "min_remaining_lifetime"},
            PolicyCase{
                "OtherCurve",
                "<limits><users><curves>P-384</curves></users></limits>",
                {},
                false,
                SSL_AD_BAD_CERTIFICATE,
                "curves"}),
        testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test) { return std::get<0>(test.param).name + "_" + version_name(std::get<1>(test.param)); });

}
}
