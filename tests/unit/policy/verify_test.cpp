#include <gmock/gmock.h>

#include "world.h"

namespace chmtls::test
{

namespace
{

using policy::PeerVerdict;
using testing::HasSubstr;
using testing::IsEmpty;

void expect_refused(const PeerVerdict & verdict, Reason reason)
{
    EXPECT_EQ(code(verdict.reason), code(reason)) << verdict.message;
    EXPECT_FALSE(verdict.accepted());
    EXPECT_EQ(verdict.identity, nullptr);
    EXPECT_THAT(verdict.message, testing::Not(IsEmpty()));
}

void expect_accepted(const PeerVerdict & verdict)
{
    ASSERT_TRUE(verdict.accepted()) << code(verdict.reason) << ": " << verdict.message;
    ASSERT_NE(verdict.identity, nullptr);
    EXPECT_EQ(verdict.valid_until, verdict.identity->valid_until);
}

TEST(VerifyPeer, IdentityHoldsWhatWasJudged)
{
    const auto & w = world();
    const auto middle = must(pki::issue(pki::Spec::authority("Middle"), w.client_root, w.now));
    const auto leaf = must(pki::issue(leaf_spec("alice"), middle, w.now));
    const auto generation = w.generation(7);
    const auto verdict = w.verify_client(*generation, {leaf.certificate, middle.certificate});
    expect_accepted(verdict);
    const auto & identity = *verdict.identity;
    EXPECT_EQ(identity.leaf.facts().common_name, "alice");
    EXPECT_EQ(identity.sent.size(), 2u);
    EXPECT_EQ(identity.generation, 7u);
    EXPECT_EQ(identity.met.listener, "tcp_port_secure");
    EXPECT_EQ(identity.valid_until, leaf.certificate.facts().not_after);
    EXPECT_EQ(identity.issuer_spki_sha256, middle.certificate.facts().spki_sha256);
    EXPECT_EQ(identity.spiffe_id, std::nullopt);
    EXPECT_THAT(identity.describe(), HasSubstr("CN=alice"));
}

TEST(VerifyPeer, PinnedLeafHasNoIssuerKey)
{
    const auto & w = world();
    const auto leaf = w.client(leaf_spec("pinned"));
    const auto generation = w.generation();
    generation->client_trust = must(trust::TrustStore::create({leaf.certificate}, {}, {}));
    const auto verdict = w.verify_client(*generation, {leaf.certificate});
    expect_accepted(verdict);
    EXPECT_EQ(verdict.identity->issuer_spki_sha256, std::nullopt);
}

TEST(VerifyPeer, ListenerDecidesWhetherAnyoneIsBelieved)
{
    const auto & w = world();
    const auto leaf = w.client(leaf_spec("alice"));
    const auto generation = w.generation();
    expect_accepted(w.verify(*generation, {leaf.certificate}, World::client_query("tcp_port_secure")));
    expect_accepted(w.verify(*generation, {leaf.certificate}, World::client_query("https_port")));
    expect_refused(
        w.verify(*generation, {leaf.certificate}, World::client_query("interserver_https_port")), Reason::verification_off);
    expect_refused(w.verify(*generation, {leaf.certificate}, World::client_query("mysql_port")), Reason::unknown_listener);
    expect_refused(w.verify(*generation, {leaf.certificate}, World::client_query("")), Reason::unknown_listener);
}

TEST(VerifyPeer, EachSideHasItsOwnAuthorities)
{
    const auto & w = world();
    const auto client = w.client(leaf_spec("alice"));
    const auto server = must(pki::issue(leaf_spec("node1"), w.server_root, w.now));
    const auto foreign = must(pki::issue(leaf_spec("alice"), w.foreign_root, w.now));
    const auto generation = w.generation();
    expect_accepted(w.verify_client(*generation, {client.certificate}));
    expect_accepted(w.verify(*generation, {server.certificate}, World::server_query()));
    expect_refused(w.verify_client(*generation, {server.certificate}), Reason::unknown_ca);
    expect_refused(w.verify(*generation, {client.certificate}, World::server_query()), Reason::unknown_ca);
    expect_refused(w.verify_client(*generation, {foreign.certificate}), Reason::unknown_ca);
}

TEST(VerifyPeer, SentAuthorityIsNoAnchor)
{
    const auto & w = world();
    const auto foreign = must(pki::issue(leaf_spec("alice"), w.foreign_root, w.now));
    const auto generation = w.generation();
    const auto verdict = w.verify_client(*generation, {foreign.certificate, w.foreign_root.certificate});
    expect_refused(verdict, Reason::unknown_ca);
}

TEST(VerifyPeer, ServerIdentityHasNoListener)
{
    const auto & w = world();
    const auto server = must(pki::issue(leaf_spec("node1"), w.server_root, w.now));
    const auto generation = w.generation();
    auto query = World::server_query();
    query.listener = "tcp_port_secure";
    const auto verdict = w.verify(*generation, {server.certificate}, query);
    expect_accepted(verdict);
    EXPECT_THAT(verdict.identity->met.listener, IsEmpty());
}

TEST(VerifyPeer, PurposeFollowsTheRole)
{
    const auto & w = world();
    auto spec = leaf_spec("one purpose");
    spec.extended_key_usages = {"clientAuth"};
    const auto client_only = must(pki::issue(spec, w.client_root, w.now));
    spec.extended_key_usages = {"serverAuth"};
    const auto server_only = must(pki::issue(spec, w.client_root, w.now));
    const auto generation = w.generation();
    generation->server_trust = generation->client_trust;
    expect_accepted(w.verify_client(*generation, {client_only.certificate}));
    expect_refused(w.verify_client(*generation, {server_only.certificate}), Reason::purpose);
    expect_accepted(w.verify(*generation, {server_only.certificate}, World::server_query()));
    expect_refused(w.verify(*generation, {client_only.certificate}, World::server_query()), Reason::purpose);
}

TEST(VerifyPeer, DepthOfTheSideCounts)
{
    const auto & w = world();
    const auto upper = must(pki::issue(pki::Spec::authority("Upper"), w.client_root, w.now));
    const auto lower = must(pki::issue(pki::Spec::authority("Lower"), upper, w.now));
    const auto leaf = must(pki::issue(leaf_spec("deep"), lower, w.now));
    const Chain chain{leaf.certificate, lower.certificate, upper.certificate};
    const auto generation = w.generation();
    generation->settings.client.verification_depth = 0;
    expect_accepted(w.verify_client(*generation, chain));
    generation->settings.server.verification_depth = 1;
    expect_refused(w.verify_client(*generation, chain), Reason::depth);
}

TEST(VerifyPeer, TimeIsTheCallers)
{
    const auto & w = world();
    const auto leaf = w.client(leaf_spec("alice"));
    const auto generation = w.generation();
    const std::vector<ByteView> chain{leaf.certificate.der()};
    auto query = World::client_query();
    query.chain = chain;
    const auto & facts = leaf.certificate.facts();
    using std::chrono::seconds;
    expect_accepted(policy::verify_peer(*generation, query, facts.not_after - seconds(1)));
    expect_refused(policy::verify_peer(*generation, query, facts.not_after + seconds(1)), Reason::expired);
    expect_accepted(policy::verify_peer(*generation, query, facts.not_before + seconds(1)));
    expect_refused(policy::verify_peer(*generation, query, facts.not_before - seconds(1)), Reason::not_yet_valid);
}

TEST(VerifyPeer, BoundsOnWhatIsSent)
{
    const auto & w = world();
    const auto leaf = w.client(leaf_spec("alice"));
    const auto generation = w.generation();
    expect_refused(w.verify_client(*generation, {}), Reason::no_certificate);

    Chain chain(policy::max_chain_length, w.client_root.certificate);
    chain.front() = leaf.certificate;
    expect_accepted(w.verify_client(*generation, chain));
    chain.push_back(w.client_root.certificate);
    expect_refused(w.verify_client(*generation, chain), Reason::resource);

    auto big = leaf_spec("big");
    big.extra = {{"1.3.6.1.4.1.55555.1", false, Bytes(policy::max_chain_bytes, 0x30)}};
    expect_refused(w.verify_client(*generation, {w.client(big).certificate}), Reason::resource);
    big.extra.front().der.resize(policy::max_chain_bytes / 2);
    const auto half = w.client(big);
    expect_accepted(w.verify_client(*generation, {half.certificate}));
    expect_accepted(w.verify_client(*generation, {leaf.certificate, half.certificate}));
    expect_refused(w.verify_client(*generation, {leaf.certificate, half.certificate, half.certificate}), Reason::resource);
}

TEST(VerifyPeer, WhatCannotBeReadIsNamed)
{
    const auto & w = world();
    const auto leaf = w.client(leaf_spec("alice"));
    const auto generation = w.generation();
    const auto der = leaf.certificate.der();
    Bytes trailing(der.begin(), der.end());
    trailing.push_back(0);
    const Bytes garbage{0x30, 0x03, 0x01, 0x02, 0x03};
    const struct
    {
        const char * name;
        std::vector<ByteView> chain;
        const char * where;
    } cases[]{
        {"garbage leaf", {garbage}, "certificate 1 of 1"},
        {"garbage behind a good leaf", {der, garbage}, "certificate 2 of 2"},
        {"trailing byte", {trailing}, "certificate 1 of 1"},
        {"empty", {ByteView{}}, "certificate 1 of 1"},
        {"cut short", {der.first(der.size() - 1)}, "certificate 1 of 1"},
    };
    for (const auto & each : cases)
    {
        SCOPED_TRACE(each.name);
        auto query = World::client_query();
        query.chain = each.chain;
        const auto verdict = policy::verify_peer(*generation, query, w.now);
        expect_refused(verdict, Reason::parse);
        EXPECT_THAT(verdict.message, HasSubstr(each.where));
    }
}

TEST(VerifyPeer, NoStoreBelievesNobody)
{
    const auto & w = world();
    const auto generation = w.generation();
    generation->client_trust = nullptr;
    const auto verdict = w.verify_client(*generation, {w.client(leaf_spec("alice")).certificate});
    expect_refused(verdict, Reason::unknown_ca);
    EXPECT_THAT(verdict.message, HasSubstr("openSSL.server"));
}

TEST(VerifyPeer, AcceptHandlerMakesNoIdentity)
{
    const auto & w = world();
    const auto generation = w.generation();
    generation->settings.server.handler = config::CertificateHandler::accept;
    const auto foreign = must(pki::issue(leaf_spec("alice"), w.foreign_root, w.now));
    expect_refused(w.verify_client(*generation, {foreign.certificate}), Reason::unknown_ca);
}

TEST(VerifyServer, VerificationModeNoneMakesNoIdentity)
{
    const auto & w = world();
    const auto server = must(pki::issue(leaf_spec("node1"), w.server_root, w.now));
    const auto generation = w.generation();
    expect_accepted(w.verify(*generation, {server.certificate}, World::server_query()));
    generation->settings.client.verification_mode = config::VerificationMode::none;
    expect_refused(w.verify(*generation, {server.certificate}, World::server_query()), Reason::verification_off);
    expect_accepted(w.verify_client(*generation, {w.client(leaf_spec("alice")).certificate}));
}

TEST(VerifyServer, ExpectedNameMustBeProven)
{
    const auto & w = world();
    using Kind = pki::AltName::Kind;
    const auto server = must(
        pki::issue(leaf_spec("cn.internal", {{Kind::dns, "node1.internal"}, {Kind::ip, "192.0.2.7"}}), w.server_root, w.now));
    const auto generation = w.generation();
    const Chain chain{server.certificate};
    expect_accepted(w.verify(*generation, chain, World::server_query("node1.internal")));
    expect_accepted(w.verify(*generation, chain, World::server_query("192.0.2.7")));
    expect_refused(w.verify(*generation, chain, World::server_query("node2.internal")), Reason::name_mismatch);
    expect_refused(w.verify(*generation, chain, World::server_query("cn.internal")), Reason::name_mismatch);
    expect_refused(w.verify(*generation, chain, World::server_query("192.0.2.8")), Reason::name_mismatch);
    expect_accepted(w.verify(*generation, chain, World::server_query()));
    generation->settings.client.extended_verification = true;
    expect_accepted(w.verify(*generation, chain, World::server_query("node1.internal")));
    expect_refused(w.verify(*generation, chain, World::server_query()), Reason::name_mismatch);
}

TEST(VerifySvid, OnlyTheBundleOfItsTrustDomainCounts)
{
    const auto & w = world();
    const auto spec = svid_spec("spiffe://example.org/ingest");
    const auto good = must(pki::issue(spec, w.domain_root, w.now));
    const auto by_client_root = must(pki::issue(spec, w.client_root, w.now));
    const auto other_domain = must(pki::issue(svid_spec("spiffe://other.org/ingest"), w.domain_root, w.now));
    const auto generation = w.generation();
    w.add_trust_domain(*generation);

    const auto verdict = w.verify_client(*generation, {good.certificate});
    expect_accepted(verdict);
    EXPECT_EQ(verdict.identity->spiffe_id, "spiffe://example.org/ingest");
    EXPECT_EQ(verdict.identity->trust_domain, "example.org");
    EXPECT_EQ(verdict.identity->describe(), "spiffe://example.org/ingest");

    const auto refused = w.verify_client(*generation, {by_client_root.certificate});
    EXPECT_FALSE(refused.accepted());
    expect_refused(w.verify_client(*generation, {other_domain.certificate}), Reason::trust_domain_no_bundle);
}

TEST(VerifySvid, OrdinaryCertificatesStayOrdinaryBesideTrustDomains)
{
    const auto & w = world();
    const auto generation = w.generation();
    w.add_trust_domain(*generation);
    const auto leaf = w.client(leaf_spec("alice", {{pki::AltName::Kind::uri, "https://example.org/alice"}}));
    const auto verdict = w.verify_client(*generation, {leaf.certificate});
    expect_accepted(verdict);
    EXPECT_EQ(verdict.identity->spiffe_id, std::nullopt);
    // The bundle's authority is no authority for ordinary certificates.
    const auto by_domain = must(pki::issue(leaf_spec("alice"), w.domain_root, w.now));
    expect_refused(w.verify_client(*generation, {by_domain.certificate}), Reason::unknown_ca);
}

TEST(VerifySvid, WithoutTrustDomainsItIsAnOrdinaryCertificate)
{
    const auto & w = world();
    const auto generation = w.generation();
    const auto leaf = must(pki::issue(svid_spec("spiffe://example.org/ingest"), w.client_root, w.now));
    const auto verdict = w.verify_client(*generation, {leaf.certificate});
    expect_accepted(verdict);
    EXPECT_EQ(verdict.identity->spiffe_id, std::nullopt);
    EXPECT_EQ(verdict.identity->trust_domain, std::nullopt);
}

struct VouchedCase
{
    const char * name;
    policy::PeerQuery query;
    const char * rule;   ///< a SPIFFE ID that <nodes> and <keeper> look for; null: they are not there
    const char * expect; ///< likewise, by <expect> for zk1.internal in <keeper>
    bool by_domain;      ///< may the trust domain vouch, or openSSL's authorities alone?
};

void PrintTo(const VouchedCase & c, std::ostream * out)
{
    *out << c.name;
}

policy::PeerQuery outgoing(config::Purpose purpose)
{
    auto query = World::server_query("zk1.internal");
    query.purpose = purpose;
    return query;
}

class Vouched : public testing::TestWithParam<VouchedCase>
{
};

/// A trust domain vouches for SPIFFE IDs. Where nothing looks at one, whoever federates with us would be let in by a name that it
/// made up.
TEST_P(Vouched, ByATrustDomainWhereTheIdCounts)
{
    const VouchedCase & c = GetParam();
    const auto & w = world();
    const auto generation = w.generation();
    w.add_trust_domain(*generation);
    generation->settings.listeners[2].client_certificate = config::ClientCertificate::required;
    if (c.rule != nullptr || c.expect != nullptr)
    {
        auto peers = std::make_shared<generation::Peers>();
        if (c.rule != nullptr)
            peers->rules = must(mapping::PeerRules::compile({{"r", {{mapping::Field::spiffe_id, c.rule}}, {}, "test"}}));
        if (c.expect != nullptr)
            peers->expected.emplace("zk1.internal", c.expect);
        generation->nodes = c.rule != nullptr ? peers : nullptr;
        generation->keeper = peers;
    }
    auto spec = svid_spec("spiffe://example.org/x");
    spec.alt_names.push_back({pki::AltName::Kind::dns, "zk1.internal"});
    const auto svid = must(pki::issue(spec, w.domain_root, w.now));
    const auto verdict = w.verify(*generation, {svid.certificate}, c.query);
    if (c.by_domain)
    {
        expect_accepted(verdict);
        EXPECT_EQ(verdict.identity->spiffe_id, "spiffe://example.org/x");
        return;
    }
    expect_refused(verdict, Reason::unknown_ca);
    EXPECT_THAT(verdict.message, testing::HasSubstr("trust domains do not count"));
    // An authority of openSSL.* vouches for whatever it has signed, which then has no SPIFFE ID.
    const auto & root = c.query.role == policy::PeerRole::client ? w.client_root : w.server_root;
    const auto ordinary = w.verify(*generation, {must(pki::issue(spec, root, w.now)).certificate}, c.query);
    expect_accepted(ordinary);
    ASSERT_NE(ordinary.identity, nullptr);
    EXPECT_EQ(ordinary.identity->spiffe_id, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Are, Vouched,
    testing::Values(
        VouchedCase{"Users", World::client_query(), nullptr, nullptr, true},
        VouchedCase{"Url", outgoing(config::Purpose::general), nullptr, nullptr, false},
        VouchedCase{"UrlBesideRules", outgoing(config::Purpose::general), "spiffe://example.org/x", nullptr, false},
        VouchedCase{"Node", outgoing(config::Purpose::node), nullptr, nullptr, false},
        VouchedCase{"NodeByRule", outgoing(config::Purpose::node), "spiffe://example.org/x", nullptr, true},
        VouchedCase{"Keeper", outgoing(config::Purpose::keeper), nullptr, nullptr, false},
        VouchedCase{"KeeperByRule", outgoing(config::Purpose::keeper), "spiffe://example.org/x", nullptr, true},
        VouchedCase{"KeeperExpected", outgoing(config::Purpose::keeper), nullptr, "spiffe://example.org/x", true},
        VouchedCase{"Interserver", World::client_query("interserver_https_port"), nullptr, nullptr, false},
        VouchedCase{"InterserverByRule", World::client_query("interserver_https_port"), "spiffe://example.org/x", nullptr, true}),
    [](const auto & test) { return std::string(test.param.name); });

}

}
