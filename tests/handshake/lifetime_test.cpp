// What must not leak from one handshake into another, or be slipped past one.

#include <openssl/err.h>

#include "fake_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

class Lifetime : public WithFakeModule
{
};

INSTANTIATE_TEST_SUITE_P(Handshake, Lifetime, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), name_of_version);

bool complete_on(SSL * server, SSL_CTX * client_context)
{
    const SslPtr client(SSL_new(client_context));
    BIO * one = nullptr;
    BIO * other = nullptr;
    if (BIO_new_bio_pair(&one, 0, &other, 0) != 1)
        return false;
    SSL_set_bio(server, one, one);
    SSL_set_bio(client.get(), other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client.get());
    for (int turn = 0; turn < 8; ++turn)
    {
        SSL_do_handshake(client.get());
        SSL_do_handshake(server);
    }
    ERR_clear_error();
    return SSL_is_init_finished(server) == 1;
}

TEST_P(Lifetime, AReusedSslForgetsItsFormerPeer)
{
    world.module.policy.client_certificate = CHMTLS_CLIENT_CERTIFICATE_OPTIONAL;
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto known = world.plain_client(version());
    auto bare = client_context(version());
    believe(bare.get(), world.root);

    const SslPtr ssl(SSL_new(server.get()));
    ASSERT_TRUE(complete_on(ssl.get(), known.get()));
    EXPECT_NE(SslBinding::identity_of(ssl.get()), nullptr);
    ASSERT_EQ(SSL_clear(ssl.get()), 1);
    EXPECT_EQ(SslBinding::identity_of(ssl.get()), nullptr);
    ASSERT_TRUE(complete_on(ssl.get(), bare.get()));
    EXPECT_EQ(SslBinding::identity_of(ssl.get()), nullptr);
}

TEST_P(Lifetime, AnIdentityOutlivesItsConnection)
{
    std::shared_ptr<const host::PeerIdentity> kept;
    {
        Bound bound(world.module.plugin());
        const auto server = bound.server(version());
        const auto client = world.plain_client(version());
        TlsPair pair(server.get(), client.get());
        ASSERT_TRUE(pair.run().completed);
        kept = SslBinding::identity_of(pair.server());
    }
    EXPECT_EQ(world.module.identities_out, 1);
    kept.reset();
    EXPECT_EQ(world.module.identities_out, 0);
}

TEST(HelloRetryRequest, ChangesNothing)
{
    FakeWorld world;
    Bound bound(world.module.plugin());
    const auto server = bound.server(TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(server.get(), "P-384");
    const auto client = world.plain_client(TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(client.get(), "X25519:P-384"); // guesses X25519
    TlsPair pair(server.get(), client.get());
    SSL_set_tlsext_host_name(pair.client(), "server.test");
    ASSERT_TRUE(pair.run().completed) << pair.run().server.error;
    EXPECT_NE(SslBinding::identity_of(pair.server()), nullptr);
    EXPECT_EQ(world.module.judgements, 1);
    TlsPair again(server.get(), client.get());
    const auto session = pair.client_session();
    SSL_set_session(again.client(), session.get());
    SSL_set_tlsext_host_name(again.client(), "server.test");
    ASSERT_TRUE(again.run().completed) << again.run().server.error;
    EXPECT_EQ(SSL_session_reused(again.server()), 1);
    EXPECT_NE(SslBinding::identity_of(again.server()), nullptr);
}

TEST_P(Lifetime, NoEarlyDataAndNoRenegotiation)
{
    auto server = server_context(version());
    SSL_CTX_set_max_early_data(server.get(), 16384); // by the host, before the binding
    Bound bound(world.module.plugin());
    bound.binding.attach_server(server.get());
    const auto client = world.plain_client(version());
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(SSL_SESSION_get_max_early_data(pair.client_session().get()), 0u);
    EXPECT_EQ(SSL_renegotiate(pair.server()), 0);
    ERR_clear_error();
}

// Without the ClientHello callback no policy is known, so nobody is believed.
TEST_P(Lifetime, AConnectionThatWasNotBegunHereIsRefused)
{
    Bound bound(world.module.plugin());
    const auto client = world.plain_client(version());
    const ContextPtr both(SSL_CTX_new(TLS_method()));
    bound.binding.attach_client(both.get());
    present(both.get(), world.server);
    {
        TlsPair pair(both.get(), client.get());
        EXPECT_FALSE(pair.run().completed);
        EXPECT_EQ(SslBinding::identity_of(pair.server()), nullptr);
    }
    bound.binding.attach_server(both.get());
    TlsPair twin(both.get(), client.get());
    EXPECT_TRUE(twin.run().completed) << twin.run().server.error;
}

TEST_P(Lifetime, OneContextServesBothDirections)
{
    Bound bound(world.module.plugin());
    const ContextPtr both(SSL_CTX_new(TLS_method()));
    SSL_CTX_set_min_proto_version(both.get(), version());
    SSL_CTX_set_max_proto_version(both.get(), version());
    bound.binding.attach_client(both.get());
    bound.binding.attach_server(both.get());
    TlsPair pair(both.get(), both.get());
    ASSERT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
    EXPECT_NE(SslBinding::identity_of(pair.server()), nullptr);
    EXPECT_NE(SslBinding::identity_of(pair.client()), nullptr);
}

}
}
