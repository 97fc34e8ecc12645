// Connections that we make, with a module whose answers the test chooses.

#include <openssl/err.h>

#include "fake_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

class Outgoing : public WithFakeModule
{
};

INSTANTIATE_TEST_SUITE_P(Handshake, Outgoing, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), name_of_version);

TEST_P(Outgoing, ProvesTheServerAndShowsOurCertificate)
{
    world.module.certificates = {copy_of(world.client.certificate.der())};
    world.module.key = copy_of(world.client.key.pkcs8());
    Bound bound(world.module.plugin());
    const auto server = world.plain_server(version());
    const auto client = bound.client(version());
    TlsPair pair(server.get(), client.get());
    SslBinding::expect_name(pair.client(), "server.test");
    ASSERT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
    EXPECT_EQ(world.module.asked_peer, uint32_t{CHMTLS_PEER_SERVER});
    EXPECT_EQ(world.module.asked_credential_peer, uint32_t{CHMTLS_PEER_SERVER});
    EXPECT_EQ(world.module.asked_name, "server.test");
    EXPECT_EQ(world.module.asked_listener, "");
    EXPECT_EQ(common_name_of_peer(pair.server()), "client");
    EXPECT_NE(SslBinding::identity_of(pair.client()), nullptr);
    EXPECT_STREQ(SSL_get_servername(pair.server(), TLSEXT_NAMETYPE_host_name), "server.test");
}

TEST_P(Outgoing, ShowsNoCertificateWhenThereIsNone)
{
    world.module.credential_status = CHMTLS_NOT_FOUND;
    Bound bound(world.module.plugin());
    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER, nullptr);
    const auto client = bound.client(version());
    present(client.get(), world.client); // the host's own, which must stay out of it
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed) << pair.run().client.error;
    EXPECT_EQ(common_name_of_peer(pair.server()), "");
}

TEST_P(Outgoing, EndsWhenTheModuleCannotSayWhatToShow)
{
    for (const chmtls_status status : {CHMTLS_REFUSED, CHMTLS_INTERNAL_ERROR, 4711})
    {
        world.module.credential_status = status;
        Bound bound(world.module.plugin());
        const auto server = world.plain_server(version());
        const auto client = bound.client(version());
        TlsPair pair(server.get(), client.get());
        EXPECT_FALSE(pair.run().completed);
        EXPECT_NE(SslBinding::refusal_of(pair.client()), "");
    }
}

TEST_P(Outgoing, SaysWhatItIsFor)
{
    world.module.certificates = {copy_of(world.client.certificate.der())};
    world.module.key = copy_of(world.client.key.pkcs8());
    Bound bound(world.module.plugin());
    const auto server = world.plain_server(version());
    const auto client = bound.client(version());
    for (const uint32_t purpose :
         {uint32_t{CHMTLS_PURPOSE_KEEPER}, uint32_t{CHMTLS_PURPOSE_NODE}, uint32_t{CHMTLS_PURPOSE_GENERAL}})
    {
        TlsPair pair(server.get(), client.get());
        if (purpose != CHMTLS_PURPOSE_GENERAL)
            SslBinding::set_purpose(pair.client(), purpose);
        ASSERT_TRUE(pair.run().completed) << pair.run().client.error;
        EXPECT_EQ(world.module.asked_purpose, purpose);
        EXPECT_EQ(world.module.asked_credential_purpose, purpose);
    }
}

// The server is judged as what it is called as, whoever named it; which certificate it sees is another question.
TEST_P(Outgoing, WhoseStatementNamedTheServerIsTold)
{
    world.module.credential_status = CHMTLS_NOT_FOUND;
    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER, nullptr); // asks for a certificate, and goes on without
    for (const uint16_t minor : {uint16_t{2}, uint16_t{1}})
    {
        world.module.abi_minor = minor;
        Bound bound(world.module.plugin());
        const auto client = bound.client(version());
        for (const std::string asker : {"eve", ""})
        {
            TlsPair pair(server.get(), client.get());
            SslBinding::set_purpose(pair.client(), CHMTLS_PURPOSE_NODE);
            SslBinding::named_by_statement(pair.client(), asker);
            ASSERT_TRUE(pair.run().completed) << pair.run().client.error;
            EXPECT_EQ(world.module.asked_purpose, uint32_t{CHMTLS_PURPOSE_NODE});
            EXPECT_EQ(world.module.asked_named_by, uint32_t{CHMTLS_NAMED_BY_STATEMENT});
            EXPECT_EQ(world.module.asked_asker, asker);
            EXPECT_EQ(world.module.asked_credential_purpose, uint32_t(minor < 2 ? CHMTLS_PURPOSE_GENERAL : CHMTLS_PURPOSE_NODE))
                << "an older module would not look at whose statement it is";
        }
        TlsPair pair(server.get(), client.get());
        SslBinding::set_purpose(pair.client(), CHMTLS_PURPOSE_NODE);
        ASSERT_TRUE(pair.run().completed) << pair.run().client.error;
        EXPECT_EQ(world.module.asked_named_by, uint32_t{CHMTLS_NAMED_BY_CONFIGURATION});
        EXPECT_EQ(world.module.asked_credential_purpose, uint32_t{CHMTLS_PURPOSE_NODE});
    }
}

// A module of minor 0 would not see the purpose and say yes to every server that it trusts.
TEST_P(Outgoing, AnOlderModuleJudgesNoNodes)
{
    world.module.credential_status = CHMTLS_NOT_FOUND;
    world.module.abi_minor = 0;
    Bound bound(world.module.plugin());
    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_NONE, nullptr);
    const auto client = bound.client(version());
    TlsPair twin(server.get(), client.get());
    EXPECT_TRUE(twin.run().completed) << twin.run().client.error;

    TlsPair pair(server.get(), client.get());
    SslBinding::set_purpose(pair.client(), CHMTLS_PURPOSE_NODE);
    EXPECT_FALSE(pair.run().completed);
    EXPECT_NE(SslBinding::refusal_of(pair.client()).find("too old"), std::string::npos) << SslBinding::refusal_of(pair.client());
}

struct Name
{
    const char * given;
    const char * expected;
    const char * sent; ///< as SNI, null: none
};

TEST_P(Outgoing, SendsHostNamesAndNoAddresses)
{
    const Name names[] = {
        {"server.test", "server.test", "server.test"},
        {"server.test.", "server.test.", "server.test"},
        {"127.0.0.1", "127.0.0.1", nullptr},
        {"::1", "::1", nullptr},
        {"[::1]", "::1", nullptr},
        {"fe80::1%eth0", "fe80::1%eth0", nullptr},
        {"127.1", "127.1", "127.1"},
    };
    world.module.credential_status = CHMTLS_NOT_FOUND;
    Bound bound(world.module.plugin());
    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_NONE, nullptr);
    const auto client = bound.client(version());
    for (const auto & name : names)
    {
        TlsPair pair(server.get(), client.get());
        SslBinding::expect_name(pair.client(), name.given);
        ASSERT_TRUE(pair.run().completed) << name.given;
        EXPECT_EQ(world.module.asked_name, name.expected);
        EXPECT_STREQ(SSL_get_servername(pair.server(), TLSEXT_NAMETYPE_host_name), name.sent) << name.given;
    }
}

TEST_P(Outgoing, KeepsTheExpectedNameInADuplicate)
{
    world.module.credential_status = CHMTLS_NOT_FOUND;
    Bound bound(world.module.plugin());
    const auto client = bound.client(version());
    const SslPtr original(SSL_new(client.get()));
    SSL_set_connect_state(original.get());
    SslBinding::expect_name(original.get(), "server.test");
    const SslPtr copy(SSL_dup(original.get()));
    ASSERT_NE(copy, nullptr);

    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_NONE, nullptr);
    const SslPtr peer(SSL_new(server.get()));
    BIO * one = nullptr;
    BIO * other = nullptr;
    ASSERT_EQ(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(copy.get(), one, one);
    SSL_set_bio(peer.get(), other, other);
    SSL_set_accept_state(peer.get());
    for (int turn = 0; turn < 8; ++turn)
    {
        SSL_do_handshake(copy.get());
        SSL_do_handshake(peer.get());
    }
    ERR_clear_error();
    EXPECT_NE(SslBinding::identity_of(copy.get()), nullptr);
    EXPECT_EQ(world.module.asked_name, "server.test");
}

// The control first: what a plain context does with a session that was handed to it.
TEST_P(Outgoing, NeverResumes)
{
    world.module.credential_status = CHMTLS_NOT_FOUND;
    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_NONE, nullptr);

    auto plain = client_context(version());
    believe(plain.get(), world.root);
    TlsPair first(server.get(), plain.get());
    ASSERT_TRUE(first.run().completed);
    const auto session = first.client_session();
    {
        TlsPair control(server.get(), plain.get());
        SSL_set_session(control.client(), session.get());
        ASSERT_TRUE(control.run().completed);
        EXPECT_EQ(SSL_session_reused(control.client()), 1) << "the control does not resume: this test shows nothing";
    }

    Bound bound(world.module.plugin());
    const auto client = bound.client(version());
    TlsPair pair(server.get(), client.get());
    SSL_set_session(pair.client(), session.get());
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(SSL_session_reused(pair.client()), 0);
    EXPECT_EQ(world.module.judgements, 1);
    EXPECT_NE(SslBinding::identity_of(pair.client()), nullptr);
}

TEST(OutgoingAnonymous, IsNeverSpoken)
{
    FakeWorld world;
    world.module.credential_status = CHMTLS_NOT_FOUND;
    const auto server = server_context(TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(server.get(), "AECDH-AES256-SHA:@SECLEVEL=0"), 1);

    const auto plain = client_context(TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(plain.get(), "ALL:@SECLEVEL=0"), 1);
    believe(plain.get(), world.root);
    TlsPair control(server.get(), plain.get());
    EXPECT_TRUE(control.run().completed) << "the control speaks no anonymous cipher: this test shows nothing";

    Bound bound(world.module.plugin());
    const auto client = bound.client(TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client.get(), "ALL:@SECLEVEL=0"), 1);
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(pair.run().completed);

    const auto honest = world.plain_server(TLS1_2_VERSION);
    SSL_CTX_set_verify(honest.get(), SSL_VERIFY_NONE, nullptr);
    TlsPair twin(honest.get(), client.get());
    EXPECT_TRUE(twin.run().completed) << twin.run().client.error;
}

TEST_P(Outgoing, CallsTheHostsInfoCallbackToo)
{
    world.module.credential_status = CHMTLS_NOT_FOUND;
    static int called;
    called = 0;
    const auto client = client_context(version());
    SSL_CTX_set_info_callback(
        client.get(), [](const SSL *, int where, int) { called += where == SSL_CB_HANDSHAKE_DONE ? 1 : 0; });
    Bound bound(world.module.plugin());
    bound.binding.attach_client(client.get());
    const auto server = world.plain_server(version());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_NONE, nullptr);
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed);
    EXPECT_EQ(called, 1);
}

}
}
