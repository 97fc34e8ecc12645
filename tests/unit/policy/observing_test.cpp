// Observe mode: what goes on although it would be refused, what does not, and that nobody gets an identity by it.

#include <gtest/gtest.h>

#include "policy/observing.h"
#include "unit/policy/world.h"

namespace chmtls::policy
{
namespace
{

using test::leaf_spec;
using test::must;
using test::world;

class Observing : public testing::Test
{
protected:
    Observing()
    {
        generation_->settings.mode = config::Mode::observe;
        for (config::Listener & listener : generation_->settings.listeners)
            listener.mode = config::Mode::observe;
        generation_->stock_client_trust = must(trust::TrustStore::create({world().client_root.certificate}, {}, {}));
        generation_->stock_server_trust = must(trust::TrustStore::create({world().server_root.certificate}, {}, {}));
    }

    /// Its list revokes the client that is given.
    void revoke(const pki::Issued & client)
    {
        const auto der = must(pki::issue_crl(
            {.revoked = {{client.certificate.facts().serial_hex, std::chrono::seconds(-60)}}}, world().client_root, world().now));
        generation_->client_trust
            = must(trust::TrustStore::create({world().client_root.certificate}, must(trust::Crl::parse(der, "crl")), {}));
    }

    struct Judged
    {
        PeerVerdict verdict;
        bool let_through;
    };
    [[nodiscard]] Judged judge(const test::Chain & chain, PeerQuery query = test::World::client_query()) const
    {
        const auto ders = test::views(chain);
        query.chain = ders;
        PeerVerdict verdict = verify_peer(*generation_, query, world().now);
        const bool through = verdict.let_through;
        return {std::move(verdict), through};
    }

    [[nodiscard]] Standing standing(const IdentityPtr & identity = nullptr) const
    {
        return standing_of(*generation_, identity, world().now);
    }

    std::shared_ptr<generation::Generation> generation_ = world().generation();
};

TEST_F(Observing, ARevokedCertificateGoesOnWithoutAnIdentity)
{
    const pki::Issued alice = world().client(leaf_spec("alice"));
    EXPECT_TRUE(judge({alice.certificate}).verdict.accepted());
    revoke(alice);
    const Judged revoked = judge({alice.certificate});
    EXPECT_EQ(revoked.verdict.reason, Reason::revoked);
    EXPECT_EQ(revoked.verdict.identity, nullptr);
    EXPECT_TRUE(revoked.let_through);
    const Judged other = judge({world().client(leaf_spec("bob")).certificate});
    EXPECT_TRUE(other.verdict.accepted());
    EXPECT_FALSE(other.let_through) << "it is accepted";
}

TEST_F(Observing, OnlyWhereItIsSaid)
{
    const pki::Issued alice = world().client(leaf_spec("alice"));
    revoke(alice);
    generation_->settings.listeners[0].mode = config::Mode::enforce;
    EXPECT_FALSE(judge({alice.certificate}).let_through);
    EXPECT_TRUE(judge({alice.certificate}, test::World::client_query("https_port")).let_through);
}

TEST_F(Observing, WhatTheStockServerRefusesStaysRefused)
{
    pki::Spec expired = leaf_spec("alice");
    expired.not_before = std::chrono::seconds(-7200);
    expired.not_after = std::chrono::seconds(-3600);
    EXPECT_FALSE(judge({world().client(expired).certificate}).let_through);
    const pki::Issued foreign = must(pki::issue(leaf_spec("alice"), world().foreign_root, world().now));
    EXPECT_FALSE(judge({foreign.certificate}).let_through);
    pki::Spec of_servers = leaf_spec("alice");
    of_servers.extended_key_usages = {"serverAuth"};
    EXPECT_FALSE(judge({world().client(of_servers).certificate}).let_through);
    EXPECT_FALSE(judge({}).let_through);
    const pki::Issued alice = world().client(leaf_spec("alice"));
    EXPECT_FALSE(judge({alice.certificate}, test::World::client_query("no_such_port")).let_through);
    EXPECT_FALSE(judge({alice.certificate}, test::World::client_query("interserver_https_port")).let_through)
        << "nobody is verified there: that is for the host to know";
    EXPECT_FALSE(judge(test::Chain(max_chain_length + 1, alice.certificate)).let_through);
}

TEST_F(Observing, WhatCannotBeReadStaysRefused)
{
    const pki::Issued alice = world().client(leaf_spec("alice"));
    revoke(alice);
    const Bytes garbage{0x30, 0x00};
    const std::vector<ByteView> chain{alice.certificate.der(), garbage};
    PeerQuery query = test::World::client_query();
    query.chain = chain;
    const PeerVerdict verdict = verify_peer(*generation_, query, world().now);
    EXPECT_EQ(verdict.reason, Reason::parse);
    EXPECT_FALSE(verdict.let_through);
    query.chain = std::span(chain).first(1);
    EXPECT_TRUE(verify_peer(*generation_, query, world().now).let_through);
}

TEST_F(Observing, WhatIsTooLargeStaysRefused)
{
    pki::Spec spec = leaf_spec("alice");
    spec.extra.push_back({.oid = "1.2.3.4.5", .critical = false, .der = Bytes(max_chain_bytes / 2, 0)});
    const pki::Issued large = world().client(spec);
    revoke(large);
    EXPECT_TRUE(judge({large.certificate}).let_through) << "one of them is not too large";
    const Judged two = judge({large.certificate, large.certificate});
    EXPECT_EQ(two.verdict.reason, Reason::resource);
    EXPECT_FALSE(two.let_through);
}

TEST_F(Observing, WithoutStockTrustNobodyGoesOn)
{
    const pki::Issued alice = world().client(leaf_spec("alice"));
    revoke(alice);
    EXPECT_TRUE(judge({alice.certificate}).let_through);
    generation_->stock_client_trust = nullptr;
    EXPECT_FALSE(judge({alice.certificate}).let_through);
}

// A Keeper has to prove its name always, a server of the stock one only with extendedVerification.
TEST_F(Observing, OfServersTheStockRulesDecideToo)
{
    const auto issued = [](const pki::Issued & root)
    {
        const auto spec = leaf_spec("keeper", {{pki::AltName::Kind::dns, "a.test"}});
        return test::Chain{must(pki::issue(spec, root, world().now)).certificate};
    };
    const auto keeper = [](std::string_view name)
    {
        PeerQuery query = test::World::server_query(name);
        query.purpose = config::Purpose::keeper;
        return query;
    };
    const test::Chain good = issued(world().server_root);
    EXPECT_TRUE(judge(good, keeper("a.test")).verdict.accepted());
    const Judged other_name = judge(good, keeper("b.test"));
    EXPECT_EQ(other_name.verdict.reason, Reason::name_mismatch);
    EXPECT_TRUE(other_name.let_through);
    EXPECT_FALSE(judge(issued(world().client_root), keeper("a.test")).let_through) << "openSSL.client does not believe it";
    auto of_clients = leaf_spec("keeper", {{pki::AltName::Kind::dns, "a.test"}});
    of_clients.extended_key_usages = {"clientAuth"};
    const test::Chain for_clients{must(pki::issue(of_clients, world().server_root, world().now)).certificate};
    EXPECT_FALSE(judge(for_clients, keeper("a.test")).let_through);
    generation_->settings.client.extended_verification = true;
    EXPECT_FALSE(judge(good, keeper("b.test")).let_through);
    generation_->settings.client.extended_verification = false;
    generation_->settings.mode = config::Mode::enforce;
    EXPECT_FALSE(judge(good, keeper("b.test")).let_through);
}

TEST_F(Observing, ASpiffeRuleIsNoStockRule)
{
    world().add_trust_domain(*generation_);
    // Signed by the CA that openSSL.server believes, but not by the bundle of the domain that it claims.
    const pki::Issued foreign = world().client(test::svid_spec("spiffe://example.org/service"));
    const Judged judged = judge({foreign.certificate});
    EXPECT_FALSE(judged.verdict.accepted());
    EXPECT_TRUE(judged.let_through);
    // Nor the reverse: openSSL.server does not believe this one.
    pki::Spec spec = test::svid_spec("spiffe://other.example/service");
    const pki::Issued unknown = must(pki::issue(spec, world().domain_root, world().now));
    EXPECT_FALSE(judge({unknown.certificate}).let_through);
}

TEST_F(Observing, LoginsThatAreRefusedAreTheServersOwn)
{
    generation_->users = must(mapping::ClickHouseUsers::compile(
        {{"only", {"only"}, {}, false, "users.xml"}, {"both", {"both"}, {}, true, "users.xml"}}));
    Login login;
    login.interface = Interface::http;
    login.certificate_asked = true;
    login.user_named = true;
    login.user = "both";
    const LoginDecision observed = authorize(standing(), login);
    EXPECT_EQ(observed.outcome, Outcome::declined);
    EXPECT_TRUE(observed.let_through);
    EXPECT_EQ(observed.reason, Reason::certificate_required);
    login.user = "only";
    EXPECT_EQ(authorize(standing(), login).outcome, Outcome::refused) << "it has no other login";
    EXPECT_FALSE(authorize(standing(), login).let_through);
    login.user = "both";
    generation_->settings.listeners[1].mode = config::Mode::enforce;
    EXPECT_EQ(authorize(standing(), login).outcome, Outcome::refused);
    EXPECT_FALSE(authorize(standing(), login).let_through);
    login.interface = Interface::native;
    EXPECT_TRUE(lets_through(standing(), login)) << "the other listener's";
    const auto of_https = judge({world().client(leaf_spec("x")).certificate}, test::World::client_query("https_port"));
    EXPECT_FALSE(lets_through(standing(of_https.verdict.identity), login)) << "the identity says where it came in";
}

TEST_F(Observing, OfAPortWithoutTlsTheListenersSayNothing)
{
    generation_->users = must(mapping::ClickHouseUsers::compile({{"both", {"both"}, {}, true, "users.xml"}}));
    Login login;
    login.user = "both";
    login.user_named = true;
    login.without_tls = true;
    EXPECT_TRUE(lets_through(standing(), login));
    generation_->settings.mode = config::Mode::enforce;
    EXPECT_FALSE(lets_through(standing(), login)) << "tcp_port is not tcp_port_secure";
    login.without_tls = false;
    EXPECT_TRUE(lets_through(standing(), login));
}

}
}
