// The alert that the module names is the one that the peer sees, wherever OpenSSL can send it.

#include "fake_world.h"

namespace chmtls::test
{
namespace
{

struct Alert
{
    const char * name;
    uint32_t named; ///< by the module
    int seen;       ///< by the peer
};

const Alert alerts[] = {
    {"handshake_failure", 40, 40},
    {"bad_certificate", 42, 42},
    {"unsupported_certificate", 43, 43},
    {"certificate_revoked", 44, 44},
    {"certificate_expired", 45, 45},
    {"certificate_unknown", 46, 46},
    {"unknown_ca", 48, 48},
    {"decrypt_error", 51, 51},
    {"internal_error", 80, 80},
    // OpenSSL has no way to these
    {"illegal_parameter", 47, 42},
    {"access_denied", 49, 40},
    {"decode_error", 50, 42},
    {"certificate_required", 116, 40},
    {"none", 0, 46},
    {"unheard_of", 1000, 46},
};

class AlertSeen : public testing::TestWithParam<std::tuple<Alert, int>>
{
};

TEST_P(AlertSeen, ByTheClient)
{
    const auto & [alert, version] = GetParam();
    FakeWorld world;
    world.module.verify_status = CHMTLS_REFUSED;
    world.module.verify_alert = alert.named;
    Bound bound(world.module.plugin());
    const auto server = bound.server(version);
    const auto client = world.plain_client(version);
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(pair.run().completed);
    EXPECT_EQ(pair.run().client.alert_received, alert.seen);
}

TEST_P(AlertSeen, ByTheServer)
{
    const auto & [alert, version] = GetParam();
    FakeWorld world;
    world.module.verify_status = CHMTLS_REFUSED;
    world.module.verify_alert = alert.named;
    Bound bound(world.module.plugin());
    const auto server = world.plain_server(version);
    const auto client = bound.client(version);
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(pair.run().completed);
    EXPECT_EQ(pair.run().server.alert_received, alert.seen);
}

INSTANTIATE_TEST_SUITE_P(
    Handshake, AlertSeen, testing::Combine(testing::ValuesIn(alerts), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test) { return std::string(std::get<0>(test.param).name) + "_" + version_name(std::get<1>(test.param)); });

}
}
