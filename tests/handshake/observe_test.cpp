// Observe mode, with the real module behind the binding: what would be refused goes on without an identity, and what
// openSSL.server itself refuses does not.

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

class Observe : public testing::TestWithParam<int>
{
protected:
    /// A world whose list revokes its client.
    struct Revoking : ModuleWorld
    {
        explicit Revoking(const std::string & mode)
        {
            const pki::CrlSpec spec{.revoked = {{client.certificate.facts().serial_hex, std::chrono::seconds(-60)}}};
            directory.write("crl.pem", pki::crl_pem(value(pki::issue_crl(spec, root))));
            options.extra_mtls = "<mode>" + mode + "</mode><crl>" + directory.file("crl.pem") + "</crl>";
        }
    };

    static Report connect(const ModuleWorld & world, const pki::Issued & shown, bool & identified)
    {
        Bound bound(world.plugin());
        const auto server = bound.server(GetParam());
        const auto client = world.plain_client(GetParam(), shown);
        TlsPair pair(server.get(), client.get());
        const Report report = pair.run();
        identified = host::SslBinding::identity_of(pair.server()) != nullptr;
        return report;
    }
};

INSTANTIATE_TEST_SUITE_P(
    Module, Observe, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

TEST_P(Observe, ARevokedClientGoesOnWithoutAnIdentity)
{
    const Revoking observing("observe");
    const Revoking enforcing("enforce");
    bool identified = true;
    const Report let_through = connect(observing, observing.client, identified);
    EXPECT_TRUE(let_through.completed) << let_through.server.error;
    EXPECT_FALSE(identified);
    EXPECT_FALSE(connect(enforcing, enforcing.client, identified).completed) << "the twin";
    EXPECT_FALSE(identified);
    EXPECT_TRUE(connect(observing, leaf(client_spec("other"), observing.root), identified).completed);
    EXPECT_TRUE(identified) << "what passes has an identity as ever";
}

TEST_P(Observe, WhatTheStockServerRefusesStaysRefused)
{
    const Revoking observing("observe");
    bool identified = false;
    const Report stranger = connect(observing, leaf(client_spec("client"), authority("stranger")), identified);
    EXPECT_FALSE(stranger.completed);
    EXPECT_EQ(stranger.client.alert_received, SSL_AD_UNKNOWN_CA);
    auto spec = client_spec("client");
    spec.not_before = std::chrono::hours(-2);
    spec.not_after = std::chrono::hours(-1);
    const Report expired = connect(observing, leaf(spec, observing.root), identified);
    EXPECT_FALSE(expired.completed);
    EXPECT_EQ(expired.client.alert_received, SSL_AD_CERTIFICATE_EXPIRED);
    EXPECT_FALSE(identified);
}

}
}
