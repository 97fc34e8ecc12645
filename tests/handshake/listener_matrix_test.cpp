// The real module behind the binding: every mode of a listener against every kind of client certificate.

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

enum class Shown
{
    nothing,
    good,
    good_through_intermediate,
    unknown_ca,
    self_signed,
    expired,
    not_yet_valid,
    wrong_purpose,
};

struct ShownName
{
    Shown shown;
    const char * name;
    int alert;           ///< when it is judged and refused
    const char * reason; ///< part of the refusal
};

const ShownName kinds[] = {
    {Shown::nothing, "nothing", -1, ""},
    {Shown::good, "good", -1, ""},
    {Shown::good_through_intermediate, "good_through_intermediate", -1, ""},
    {Shown::unknown_ca, "unknown_ca", SSL_AD_UNKNOWN_CA, ""},
    {Shown::self_signed, "self_signed", SSL_AD_UNKNOWN_CA, ""},
    {Shown::expired, "expired", SSL_AD_CERTIFICATE_EXPIRED, "expired"},
    {Shown::not_yet_valid, "not_yet_valid", SSL_AD_CERTIFICATE_EXPIRED, ""},
    {Shown::wrong_purpose, "wrong_purpose", SSL_AD_UNSUPPORTED_CERTIFICATE, ""},
};

struct Mode
{
    const char * name;
    const char * listener;
    const char * https_mode; ///< of the world
    bool asks;
    bool requires_one;
};

const Mode modes[] = {
    {"none", "https_port", "none", false, false},
    {"optional", "https_port", "optional", true, false},
    {"required", "tcp_port_secure", "optional", true, true},
    {"interserver", "interserver_https_port", "optional", true, true},
};

void show(Shown shown, const ModuleWorld & world, SSL_CTX * client)
{
    using std::chrono::seconds;
    auto spec = client_spec("somebody");
    switch (shown)
    {
    case Shown::nothing:
        return;
    case Shown::good:
        return present(client, world.client);
    case Shown::good_through_intermediate:
    {
        const auto middle = intermediate("middle", world.root);
        return present(client, leaf(spec, middle), {middle});
    }
    case Shown::unknown_ca:
        return present(client, leaf(spec, authority("root"))); // the same name, another key
    case Shown::self_signed:
        return present(client, value(pki::self_signed(spec)));
    case Shown::expired:
        spec.not_before = seconds(-7200);
        spec.not_after = seconds(-60);
        return present(client, leaf(spec, world.root));
    case Shown::not_yet_valid:
        spec.not_before = seconds(3600);
        return present(client, leaf(spec, world.root));
    case Shown::wrong_purpose:
        return present(client, leaf(server_spec("a.server"), world.root));
    }
}

/// One module for each configuration of the table: nothing in it changes.
struct Shared
{
    explicit Shared(const char * https_mode)
    {
        world.options.https_mode = https_mode;
        plugin = world.plugin();
    }

    ModuleWorld world;
    std::shared_ptr<Plugin> plugin;
};

const Shared & shared(const std::string & https_mode = "optional")
{
    static const Shared optional("optional");
    static const Shared none("none");
    return https_mode == "none" ? none : optional;
}

class ListenerMatrix : public testing::TestWithParam<std::tuple<Mode, ShownName, int>>
{
};

TEST_P(ListenerMatrix, Client)
{
    const auto & [mode, kind, version] = GetParam();
    const bool judged = mode.asks && kind.shown != Shown::nothing;
    const bool is_good = kind.shown == Shown::good || kind.shown == Shown::good_through_intermediate;
    const bool accepted = judged ? is_good : !mode.requires_one;

    const auto & world = shared(mode.https_mode).world;
    Bound bound(shared(mode.https_mode).plugin, mode.listener);
    const auto server = bound.server(version);
    const auto client = world.plain_client(version);
    show(kind.shown, world, client.get());
    TlsPair pair(server.get(), client.get());
    const auto & result = pair.run();
    EXPECT_EQ(result.completed, accepted) << result.server.error << " / " << result.client.error;
    EXPECT_EQ(SslBinding::identity_of(pair.server()) != nullptr, judged && is_good);
    EXPECT_EQ(SslBinding::listener_of(pair.server()), mode.listener);
    if (accepted)
    {
        EXPECT_EQ(SslBinding::refusal_of(pair.server()), "");
        return;
    }
    if (kind.shown == Shown::nothing)
    {
        EXPECT_EQ(
            result.client.alert_received, version == TLS1_2_VERSION ? SSL_AD_HANDSHAKE_FAILURE : SSL_AD_CERTIFICATE_REQUIRED);
        return;
    }
    EXPECT_EQ(result.client.alert_received, kind.alert);
    EXPECT_NE(SslBinding::refusal_of(pair.server()), "");
    EXPECT_NE(SslBinding::refusal_of(pair.server()).find(kind.reason), std::string::npos)
        << SslBinding::refusal_of(pair.server());
}

INSTANTIATE_TEST_SUITE_P(
    Module, ListenerMatrix,
    testing::Combine(testing::ValuesIn(modes), testing::ValuesIn(kinds), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test)
    {
        return std::string(std::get<0>(test.param).name) + "_" + std::get<1>(test.param).name + "_"
               + version_name(std::get<2>(test.param));
    });

TEST(Listener, ThatIsNotConfiguredIsRefused)
{
    Bound bound(shared().plugin, "mysql_port");
    const auto server = bound.server(TLS1_3_VERSION);
    const auto client = shared().world.plain_client(TLS1_3_VERSION, shared().world.client);
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(pair.run().completed);
    EXPECT_EQ(pair.run().client.alert_received, SSL_AD_HANDSHAKE_FAILURE);
}

TEST(Listener, IdentityTellsUntilWhenItIsValid)
{
    auto spec = client_spec("short");
    spec.not_after = std::chrono::seconds(600);
    const auto issued = leaf(spec, shared().world.root);
    Bound bound(shared().plugin);
    const auto server = bound.server(TLS1_3_VERSION);
    const auto client = shared().world.plain_client(TLS1_3_VERSION, issued);
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed);
    const auto identity = SslBinding::identity_of(pair.server());
    ASSERT_NE(identity, nullptr);
    EXPECT_EQ(identity->valid_until, issued.certificate.facts().not_after.time_since_epoch().count());
    EXPECT_EQ(identity->generation, ModuleWorld::generation(*shared().plugin));
    const auto description = shared().plugin->identity_describe(identity->identity);
    EXPECT_TRUE(description.outcome.ok());
    EXPECT_NE(description.json.find("short"), std::string::npos) << description.json;
}

}
}
