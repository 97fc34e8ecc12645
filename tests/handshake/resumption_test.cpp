// What a plain SSL_CTX gets wrong and the binding does not: a session that was opened while its client was believed comes back
// after the trust is gone. Each case shows the hole on a plain context first, with the same change, client and kind of session.

#include <functional>

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

/// Where the session's state lies.
enum class Kind
{
    ticket, ///< with the client, encrypted (RFC 5077, RFC 8446 4.6.1)
    cached, ///< with the server, under the session's id
};

struct FreeStore
{
    void operator()(X509_STORE * store) const noexcept { X509_STORE_free(store); }
};
using StorePtr = std::unique_ptr<X509_STORE, FreeStore>;

struct Taken
{
    const char * name;
    /// Takes the trust from the client: on disk for the module; the answer is the plain context's store that does the same.
    std::function<StorePtr(const ModuleWorld &)> take;
    int alert; ///< what a client is told that is judged
};

std::string revocation_list(const ModuleWorld & world, std::vector<pki::RevokedEntry> revoked)
{
    return pki::crl_pem(value(pki::issue_crl({.revoked = std::move(revoked)}, world.root)));
}

StorePtr remove_authority(const ModuleWorld & world)
{
    const auto other_root = authority("other root");
    world.trust({other_root});
    world.serve(leaf(server_spec("server.test"), other_root));
    world.serve_as("client", leaf(client_spec("client"), other_root));
    return StorePtr(X509_STORE_new());
}

StorePtr revoke(const ModuleWorld & world)
{
    const pki::CrlSpec spec{.revoked = {{world.client.certificate.facts().serial_hex, std::chrono::seconds(-60)}}};
    const auto der = value(pki::issue_crl(spec, world.root));
    world.directory.write("crl.pem", pki::crl_pem(der));
    StorePtr store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), world.root.certificate.x509());
    const unsigned char * at = der.data();
    X509_CRL * const crl = d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size()));
    X509_STORE_add_crl(store.get(), crl);
    X509_CRL_free(crl);
    X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK);
    return store;
}

const Taken ways[] = {
    {"authority_removed", remove_authority, SSL_AD_UNKNOWN_CA},
    {"revoked", revoke, SSL_AD_CERTIFICATE_REVOKED},
};

class Resumption : public testing::TestWithParam<std::tuple<Taken, Kind, int>>
{
protected:
    static ContextPtr of_kind(ContextPtr context)
    {
        if (std::get<Kind>(GetParam()) == Kind::cached)
            SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
        return context;
    }

    static SessionPtr first_session(SSL_CTX * server, SSL_CTX * client)
    {
        TlsPair pair(server, client);
        EXPECT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
        return pair.client_session();
    }

    /// A connection that offers the session.
    struct Offered
    {
        Offered(SSL_CTX * server, SSL_CTX * client, SSL_SESSION * session) : pair(server, client)
        {
            SSL_set_session(pair.client(), session);
            completed = pair.run().completed;
            resumed = SSL_session_reused(pair.server()) == 1;
        }
        TlsPair pair;
        bool completed;
        bool resumed;
    };
};

INSTANTIATE_TEST_SUITE_P(
    PlainAndBound, Resumption,
    testing::Combine(
        testing::ValuesIn(ways), testing::Values(Kind::ticket, Kind::cached), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test)
    {
        return std::string(std::get<Taken>(test.param).name)
               + (std::get<Kind>(test.param) == Kind::ticket ? "_ticket_" : "_cached_") + version_name(std::get<int>(test.param));
    });

TEST_P(Resumption, DoesNotOutliveTheTrust)
{
    const auto & [taken, kind, version] = GetParam();
    ModuleWorld world;
    world.directory.write("crl.pem", revocation_list(world, {}));
    world.options.extra_mtls = "<crl>" + world.directory.file("crl.pem") + "</crl>";
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto server = of_kind(server_context(version));
    bound.binding.attach_server(server.get());
    const auto client = of_kind(world.plain_client(version, world.client));

    auto plain = of_kind(server_context(version));
    present(plain.get(), world.server);
    believe(plain.get(), world.root);
    SSL_CTX_set_session_id_context(plain.get(), reinterpret_cast<const unsigned char *>("x"), 1);

    auto session = first_session(server.get(), client.get());
    const auto plain_session = first_session(plain.get(), client.get());
    if (kind == Kind::ticket)
    {
        EXPECT_TRUE(Offered(server.get(), client.get(), session.get()).resumed) << "the twin: as long as the trust is there";
        session = first_session(server.get(), client.get()); // a TLS 1.3 ticket is for one use
    }

    SSL_CTX_set_cert_store(plain.get(), taken.take(world).release());
    SSL_CTX_set_verify(client.get(), SSL_VERIFY_NONE, nullptr); // it need not believe the new server for this
    const auto outcome = plugin->configure(world.configuration());
    ASSERT_TRUE(outcome.ok()) << outcome.message;

    const Offered control(plain.get(), client.get(), plain_session.get());
    EXPECT_TRUE(control.completed && control.resumed) << "the control shows no hole: this test shows nothing";
    TlsPair full(plain.get(), client.get());
    EXPECT_FALSE(full.run().completed) << "the control still believes the client";

    Offered judged(server.get(), client.get(), session.get());
    EXPECT_FALSE(judged.completed);
    EXPECT_FALSE(judged.resumed);
    EXPECT_EQ(SslBinding::identity_of(judged.pair.server()), nullptr);
    EXPECT_EQ(judged.pair.run().client.alert_received, taken.alert);
}

}
}
