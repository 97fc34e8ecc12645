// Whatever a module answers that is not a clear yes ends the handshake of an accepted connection.

#include <functional>
#include <set>

#include <openssl/err.h>

#include "fake_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

constexpr chmtls_status unheard_of = 4711;

struct Fault
{
    const char * name;
    std::function<void(FakeModule &)> make;
    int alert;           ///< that the client gets
    const char * reason; ///< part of the refusal
};

const Fault faults[] = {
    {"policy_not_found", [](auto & fake) { fake.policy_status = CHMTLS_NOT_FOUND; }, SSL_AD_HANDSHAKE_FAILURE, "no policy"},
    {"policy_internal_error", [](auto & fake) { fake.policy_status = CHMTLS_INTERNAL_ERROR; }, SSL_AD_HANDSHAKE_FAILURE,
     "no policy"},
    {"policy_unheard_of", [](auto & fake) { fake.policy_status = unheard_of; }, SSL_AD_HANDSHAKE_FAILURE, "no policy"},
    {"policy_minimum_above_maximum", [](auto & fake) { fake.policy.min_tls_version = 0x0305; }, SSL_AD_HANDSHAKE_FAILURE,
     "TLS versions"},
    {"policy_minimum_ssl3", [](auto & fake) { fake.policy.min_tls_version = 0x0300; }, SSL_AD_HANDSHAKE_FAILURE, "TLS versions"},
    {"policy_empty", [](auto & fake) { fake.policy = {}; }, SSL_AD_HANDSHAKE_FAILURE, "TLS versions"},
    {"credential_not_found", [](auto & fake) { fake.credential_status = CHMTLS_NOT_FOUND; }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"credential_unheard_of", [](auto & fake) { fake.credential_status = unheard_of; }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"export_not_found_for_ever", [](auto & fake) { fake.export_status = CHMTLS_NOT_FOUND; }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"export_unheard_of", [](auto & fake) { fake.export_status = unheard_of; }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"export_without_key", [](auto & fake) { fake.key.clear(); }, SSL_AD_INTERNAL_ERROR, "no certificate to present"},
    {"export_key_with_trailing_byte", [](auto & fake) { fake.key.push_back(0); }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"export_without_certificate", [](auto & fake) { fake.certificates.clear(); }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"export_certificate_cut", [](auto & fake) { fake.certificates.front().pop_back(); }, SSL_AD_INTERNAL_ERROR,
     "no certificate to present"},
    {"export_second_certificate_cut",
     [](auto & fake) { fake.certificates.emplace_back(fake.certificates.front().begin(), fake.certificates.front().end() - 1); },
     SSL_AD_INTERNAL_ERROR, "no certificate to present"},
    {"ca_names_not_found", [](auto & fake) { fake.ca_names_status = CHMTLS_NOT_FOUND; }, SSL_AD_INTERNAL_ERROR,
     "whose certificates"},
    {"ca_names_not_der",
     [](auto & fake) {
         fake.ca_names = {{1, 2, 3}};
     },
     SSL_AD_INTERNAL_ERROR, "whose certificates"},
    {"verify_refused",
     [](auto & fake)
     {
         fake.verify_status = CHMTLS_REFUSED;
         fake.verify_text = "no such friend";
         fake.verify_alert = SSL_AD_BAD_CERTIFICATE;
     },
     SSL_AD_BAD_CERTIFICATE, "no such friend"},
    {"verify_declined", [](auto & fake) { fake.verify_status = CHMTLS_DECLINED; }, SSL_AD_INTERNAL_ERROR, "refused"},
    {"verify_unheard_of", [](auto & fake) { fake.verify_status = unheard_of; }, SSL_AD_INTERNAL_ERROR, "refused"},
    {"verify_negative", [](auto & fake) { fake.verify_status = -1; }, SSL_AD_INTERNAL_ERROR, "refused"},
    {"verify_ok_without_identity", [](auto & fake) { fake.verify_gives_identity = false; }, SSL_AD_INTERNAL_ERROR,
     "without giving it an identity"},
    {"ticket_key_fails", [](auto & fake) { fake.ticket_status = CHMTLS_INTERNAL_ERROR; }, SSL_AD_INTERNAL_ERROR, ""},
    {"table_ends_before_verify_peer", [](auto & fake) { fake.table_size = offsetof(chmtls_plugin_api, verify_peer); },
     SSL_AD_INTERNAL_ERROR, "too old"},
    {"table_ends_before_credential", [](auto & fake) { fake.table_size = offsetof(chmtls_plugin_api, credential); },
     SSL_AD_INTERNAL_ERROR, "no certificate to present"},
    {"table_ends_inside_listener_policy", [](auto & fake) { fake.table_size = offsetof(chmtls_plugin_api, listener_policy) + 1; },
     SSL_AD_HANDSHAKE_FAILURE, "no policy"},
};

class FailClosed : public testing::TestWithParam<std::tuple<Fault, int>>
{
};

TEST_P(FailClosed, RefusesAndItsTwinAccepts)
{
    const auto & [fault, version] = GetParam();
    FakeWorld world;
    const auto client = world.plain_client(version);
    {
        Bound bound(world.module.plugin());
        const auto server = bound.server(version);
        TlsPair twin(server.get(), client.get());
        EXPECT_TRUE(twin.run().completed) << twin.run().server.error << " / " << twin.run().client.error;
        EXPECT_NE(SslBinding::identity_of(twin.server()), nullptr);
        EXPECT_EQ(SslBinding::refusal_of(twin.server()), "");
    }
    fault.make(world.module);
    {
        Bound bound(world.module.plugin());
        const auto server = bound.server(version);
        TlsPair pair(server.get(), client.get());
        const auto & result = pair.run();
        EXPECT_FALSE(result.completed);
        EXPECT_FALSE(result.server.handshake_done);
        EXPECT_EQ(result.client.alert_received, fault.alert) << result.server.error;
        EXPECT_EQ(SslBinding::identity_of(pair.server()), nullptr);
        EXPECT_NE(SslBinding::refusal_of(pair.server()).find(fault.reason), std::string::npos)
            << SslBinding::refusal_of(pair.server());
    }
    EXPECT_EQ(world.module.identities_out, 0) << "an identity was not given back";
}

INSTANTIATE_TEST_SUITE_P(
    Handshake, FailClosed, testing::Combine(testing::ValuesIn(faults), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test) { return std::string(std::get<0>(test.param).name) + "_" + version_name(std::get<1>(test.param)); });

class Binding : public WithFakeModule
{
};

INSTANTIATE_TEST_SUITE_P(Handshake, Binding, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), name_of_version);

TEST_P(Binding, RefusesAConnectionOfNoListener)
{
    Bound bound(world.module.plugin(), std::nullopt);
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(pair.run().completed);
    EXPECT_EQ(pair.run().client.alert_received, SSL_AD_HANDSHAKE_FAILURE);
    EXPECT_NE(SslBinding::refusal_of(pair.server()).find("no listener"), std::string::npos);
}

TEST_P(Binding, AsksTheModuleAboutWhatWasSent)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    auto client = client_context(version());
    believe(client.get(), world.root);
    const auto middle = intermediate("middle", world.root);
    present(client.get(), leaf(client_spec("below"), middle), {middle});
    TlsPair pair(server.get(), client.get());
    SSL_set_tlsext_host_name(pair.client(), "Server.Test");
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(world.module.asked_peer, uint32_t{CHMTLS_PEER_CLIENT});
    EXPECT_EQ(world.module.asked_listener, "tcp_port_secure");
    EXPECT_EQ(world.module.asked_chain_length, 2u);
    EXPECT_EQ(world.module.asked_server_name, "Server.Test");
    EXPECT_EQ(SslBinding::listener_of(pair.server()), "tcp_port_secure");
}

TEST_P(Binding, TakesAnUnheardOfCertificateModeForRequired)
{
    world.module.policy.client_certificate = 99;
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto with = world.plain_client(version());
    TlsPair good(server.get(), with.get());
    EXPECT_TRUE(good.run().completed);
    auto without = client_context(version());
    believe(without.get(), world.root);
    TlsPair bare(server.get(), without.get());
    EXPECT_FALSE(bare.run().completed);
}

TEST_P(Binding, GivesNoIdentityBeforeTheHandshakeIsOver)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    TlsPair pair(server.get(), client.get());
    SSL_set_info_callback(
        pair.server(),
        [](const SSL * ssl, int where, int)
        {
            if ((where & SSL_CB_LOOP) != 0 && SSL_in_init(ssl) != 0)
            {
                EXPECT_EQ(SslBinding::identity_of(ssl), nullptr);
            }
        });
    EXPECT_TRUE(pair.run().completed);
    EXPECT_NE(SslBinding::identity_of(pair.server()), nullptr);
}

TEST_P(Binding, NeverPresentsTheHostsOwnCertificate)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    pki::Spec own = server_spec("server.test");
    own.subject = {{"CN", "the host's own"}};
    own.key = pki::KeyKind::rsa_2048; // another slot than the module's EC key
    present(server.get(), leaf(own, world.root));
    const auto client = world.plain_client(version());
    TlsPair pair(server.get(), client.get());
    SSL_set1_sigalgs_list(pair.client(), "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256"); // RSA preferred
    ASSERT_TRUE(pair.run().completed) << pair.run().server.error;
    EXPECT_EQ(common_name_of_peer(pair.client()), "server.test");
}

TEST_P(Binding, FetchesAKeyOncePerGeneration)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    for (const uint64_t generation : {1u, 1u, 1u, 2u, 2u})
    {
        world.module.credential.generation = generation;
        world.module.policy.generation = generation;
        TlsPair pair(server.get(), client.get());
        ASSERT_TRUE(pair.run().completed);
    }
    EXPECT_EQ(world.module.exports, 1) << "the same id is the same key in every generation";
    world.module.credential.id = 2;
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(world.module.exports, 2);
}

TEST_P(Binding, RefusesAContextOfAFixedVersionOutsideThePolicy)
{
    world.module.policy.min_tls_version = 0x0304;
    Bound bound(world.module.plugin());
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // hosts still use it
    const ContextPtr server(SSL_CTX_new(TLSv1_2_server_method()));
#pragma GCC diagnostic pop
    bound.binding.attach_server(server.get());
    const auto client = world.plain_client(TLS1_2_VERSION);
    {
        TlsPair pair(server.get(), client.get());
        EXPECT_FALSE(pair.run().completed);
    }
    world.module.policy.min_tls_version = 0x0303;
    TlsPair twin(server.get(), client.get());
    EXPECT_TRUE(twin.run().completed);
}

TEST_P(Binding, SpeaksOnlyTheVersionsOfThePolicy)
{
    Bound bound(world.module.plugin());
    const ContextPtr server(SSL_CTX_new(TLS_server_method()));
    bound.binding.attach_server(server.get());
    const auto client = world.plain_client(version());
    const auto wire = static_cast<uint16_t>(version());
    world.module.policy.min_tls_version = world.module.policy.max_tls_version = wire;
    {
        TlsPair twin(server.get(), client.get());
        EXPECT_TRUE(twin.run().completed);
    }
    const uint16_t other = version() == TLS1_2_VERSION ? 0x0304 : 0x0303;
    world.module.policy.min_tls_version = world.module.policy.max_tls_version = other;
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(pair.run().completed);
    EXPECT_EQ(pair.run().client.alert_received, SSL_AD_PROTOCOL_VERSION);
}

TEST_P(Binding, LeavesNoErrorBehindAGoodHandshake)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = bound.client(version());
    TlsPair pair(server.get(), client.get());
    SslBinding::expect_name(pair.client(), std::string(300, 'a')); // too long for SNI
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_P(Binding, NamesTheAuthoritiesInTheRequest)
{
    unsigned char * der = nullptr;
    const int size = i2d_X509_NAME(X509_get_subject_name(world.root.certificate.x509()), &der);
    ASSERT_GT(size, 0);
    world.module.ca_names = {Bytes(der, der + size)};
    OPENSSL_free(der);
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    static std::string named;
    named.clear();
    SSL_CTX_set_cert_cb(
        client.get(),
        [](SSL * ssl, void *)
        {
            const auto * const names = SSL_get0_peer_CA_list(ssl);
            for (int i = 0; i < sk_X509_NAME_num(names); ++i)
            {
                char text[256] = {};
                X509_NAME_oneline(sk_X509_NAME_value(names, i), text, sizeof(text));
                named += text;
            }
            return 1;
        },
        nullptr);
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(named, "/CN=root");
    TlsPair again(server.get(), client.get()); // from the cache
    ASSERT_TRUE(again.run().completed);
    EXPECT_EQ(named, "/CN=root/CN=root");
}

TEST_P(Binding, SendsNoAuthorityNamesThatWouldBreakClients)
{
    pki::Spec long_name = pki::Spec::authority("x");
    long_name.subject = {{"CN", std::string(60, 'x')}, {"O", std::string(60, 'o')}, {"OU", std::string(60, 'u')}};
    const auto issued = value(pki::self_signed(long_name));
    unsigned char * der = nullptr;
    const int size = i2d_X509_NAME(X509_get_subject_name(issued.certificate.x509()), &der);
    ASSERT_GT(size, 0);
    world.module.ca_names.assign(500, Bytes(der, der + size));
    OPENSSL_free(der);
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    TlsPair pair(server.get(), client.get());
    EXPECT_TRUE(pair.run().completed) << pair.run().client.error;
}

TEST(BindingOfNothing, KnowsNothingOfAnUnboundConnection)
{
    const auto context = server_context(TLS1_3_VERSION);
    const SslPtr ssl(SSL_new(context.get()));
    EXPECT_EQ(SslBinding::identity_of(ssl.get()), nullptr);
    EXPECT_EQ(SslBinding::refusal_of(ssl.get()), "");
    EXPECT_EQ(SslBinding::listener_of(ssl.get()), "");
}

TEST(BindingOfNothing, CannotBeMade)
{
    FakeModule fake;
    EXPECT_THROW(SslBinding(nullptr, std::make_unique<FixedListener>("x")), std::invalid_argument);
    EXPECT_THROW(SslBinding(fake.plugin(), nullptr), std::invalid_argument);
}

}
}
