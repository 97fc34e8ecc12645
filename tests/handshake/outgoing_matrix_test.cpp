// The real module behind the binding: outgoing connections against every kind of server.

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

struct Kind
{
    const char * name;
    pki::Issued (*issue)(const ModuleWorld &);
    const char * expected_name;
    int alert; ///< that the server gets; -1: accepted
};

pki::Issued good(const ModuleWorld & world)
{
    return world.server;
}

pki::Issued with_address(const ModuleWorld & world)
{
    auto spec = server_spec("server.test");
    spec.alt_names = {{pki::AltName::Kind::ip, "127.0.0.1"}, {pki::AltName::Kind::ip, "::1"}};
    return leaf(spec, world.root);
}

pki::Issued unknown_ca(const ModuleWorld &)
{
    return leaf(server_spec("server.test"), authority("root"));
}

pki::Issued expired(const ModuleWorld & world)
{
    auto spec = server_spec("server.test");
    spec.not_before = std::chrono::seconds(-7200);
    spec.not_after = std::chrono::seconds(-60);
    return leaf(spec, world.root);
}

pki::Issued wrong_purpose(const ModuleWorld & world)
{
    auto spec = server_spec("server.test");
    spec.extended_key_usages = {"clientAuth"};
    return leaf(spec, world.root);
}

pki::Issued self_signed(const ModuleWorld &)
{
    return value(pki::self_signed(server_spec("server.test")));
}

const Kind kinds[] = {
    {"good", good, "server.test", -1},
    {"good_name_not_compared", good, nullptr, -1},
    {"good_address_v4", with_address, "127.0.0.1", -1},
    {"good_address_v6", with_address, "::1", -1},
    {"other_name", good, "other.test", SSL_AD_BAD_CERTIFICATE},
    {"other_address", with_address, "127.0.0.2", SSL_AD_BAD_CERTIFICATE},
    {"name_against_address", with_address, "server.test", SSL_AD_BAD_CERTIFICATE},
    {"unknown_ca", unknown_ca, "server.test", SSL_AD_UNKNOWN_CA},
    {"self_signed", self_signed, "server.test", SSL_AD_UNKNOWN_CA},
    {"expired", expired, "server.test", SSL_AD_CERTIFICATE_EXPIRED},
    {"wrong_purpose", wrong_purpose, "server.test", SSL_AD_UNSUPPORTED_CERTIFICATE},
};

struct Shared
{
    ModuleWorld world;
    std::shared_ptr<Plugin> plugin = world.plugin();
};

const Shared & shared()
{
    static const Shared instance;
    return instance;
}

class OutgoingMatrix : public testing::TestWithParam<std::tuple<Kind, int>>
{
};

TEST_P(OutgoingMatrix, Server)
{
    const auto & [kind, version] = GetParam();
    const auto & world = shared().world;
    auto server = server_context(version);
    present(server.get(), kind.issue(world));
    believe(server.get(), world.root);

    Bound bound(shared().plugin);
    const auto client = bound.client(version);
    TlsPair pair(server.get(), client.get());
    if (kind.expected_name != nullptr)
        SslBinding::expect_name(pair.client(), kind.expected_name);
    const auto & result = pair.run();
    const bool accepted = kind.alert == -1;
    EXPECT_EQ(result.completed, accepted) << result.client.error << " / " << result.server.error;
    EXPECT_EQ(SslBinding::identity_of(pair.client()) != nullptr, accepted);
    EXPECT_EQ(result.server.alert_received, kind.alert);
    EXPECT_EQ(SslBinding::refusal_of(pair.client()).empty(), accepted) << SslBinding::refusal_of(pair.client());
    if (accepted)
    {
        EXPECT_EQ(common_name_of_peer(pair.server()), "our.client");
    }
}

INSTANTIATE_TEST_SUITE_P(
    Module, OutgoingMatrix, testing::Combine(testing::ValuesIn(kinds), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test) { return std::string(std::get<0>(test.param).name) + "_" + version_name(std::get<1>(test.param)); });

class OutgoingOfModule : public testing::TestWithParam<int>
{
};

INSTANTIATE_TEST_SUITE_P(
    Module, OutgoingOfModule, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

TEST_P(OutgoingOfModule, MeetsOurOwnListener)
{
    const auto & world = shared().world;
    Bound bound(shared().plugin);
    const auto server = bound.server(GetParam());
    const auto client = bound.client(GetParam());
    TlsPair pair(server.get(), client.get());
    SslBinding::expect_name(pair.client(), "server.test");
    ASSERT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
    EXPECT_NE(SslBinding::identity_of(pair.client()), nullptr);
    EXPECT_NE(SslBinding::identity_of(pair.server()), nullptr);
    EXPECT_EQ(common_name_of_peer(pair.server()), "our.client");
    EXPECT_EQ(world.root.certificate.facts().subject, "CN=root");
}

TEST_P(OutgoingOfModule, ShowsNothingWhenNothingIsConfigured)
{
    WorldOptions options;
    options.client_certificate = false;
    const ModuleWorld world(options);
    Bound bound(world.plugin(), "https_port");
    const auto server = bound.server(GetParam());
    const auto client = bound.client(GetParam());
    TlsPair pair(server.get(), client.get());
    SslBinding::expect_name(pair.client(), "server.test");
    ASSERT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
    EXPECT_EQ(SslBinding::identity_of(pair.server()), nullptr);
    EXPECT_NE(SslBinding::identity_of(pair.client()), nullptr);
}

// verificationMode none: the host switches OpenSSL's verification off; the connection is made, and the server stays unknown.
TEST_P(OutgoingOfModule, WithoutVerificationHasNoIdentity)
{
    WorldOptions options;
    options.client_verification = "none";
    const ModuleWorld world(options);
    Bound bound(world.plugin());
    auto server = server_context(GetParam());
    present(server.get(), unknown_ca(world));
    const auto client = bound.client(GetParam());
    {
        TlsPair pair(server.get(), client.get());
        EXPECT_FALSE(pair.run().completed) << "the host has not said that it goes on without verification";
    }
    SSL_CTX_set_verify(client.get(), SSL_VERIFY_NONE, nullptr);
    TlsPair pair(server.get(), client.get());
    EXPECT_TRUE(pair.run().completed);
    EXPECT_EQ(SslBinding::identity_of(pair.client()), nullptr);
    EXPECT_NE(SslBinding::refusal_of(pair.client()), "");
}

}
}
