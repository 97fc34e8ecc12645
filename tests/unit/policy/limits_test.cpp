// <limits>: what is beyond being valid, and for whom.

#include <functional>

#include <gmock/gmock.h>

#include "policy/limits.h"
#include "world.h"

namespace chmtls::test
{

namespace
{

using config::CertificateLimits;
using std::chrono::seconds;
using testing::HasSubstr;

struct LimitCase
{
    std::string name;
    pki::KeyKind key;
    seconds lifetime;
    CertificateLimits limits;
    Reason reason;
};

void PrintTo(const LimitCase & one, std::ostream * out)
{
    *out << one.name;
}

CertificateLimits limits(const std::function<void(CertificateLimits &)> & set)
{
    CertificateLimits made;
    set(made);
    return made;
}

class Limits : public testing::TestWithParam<LimitCase>
{
};

/// The same certificate passes without the limit: what refuses is the limit alone.
TEST_P(Limits, HoldForUsersOnly)
{
    const LimitCase & one = GetParam();
    auto spec = leaf_spec("limited");
    spec.key = one.key;
    spec.not_before = seconds(-10);
    spec.not_after = one.lifetime - seconds(10);
    const Chain chain{world().client(spec).certificate};
    const auto made = world().generation();
    made->settings.listeners.back().client_certificate = config::ClientCertificate::required;
    EXPECT_TRUE(world().verify_client(*made, chain).accepted());

    made->settings.limits[static_cast<size_t>(config::PeerClass::users)] = one.limits;
    const auto verdict = world().verify_client(*made, chain);
    EXPECT_EQ(verdict.reason, one.reason) << verdict.message;
    EXPECT_TRUE(world().verify(*made, chain, World::client_query("interserver_https_port")).accepted());
}

INSTANTIATE_TEST_SUITE_P(
    All, Limits,
    testing::Values(
        LimitCase{
            "RsaBelow", pki::KeyKind::rsa_2048, seconds(3600), limits([](auto & l) { l.min_rsa_bits = 3072; }), Reason::weak},
        LimitCase{
            "RsaJustBelow", pki::KeyKind::rsa_2048, seconds(3600), limits([](auto & l) { l.min_rsa_bits = 2049; }), Reason::weak},
        LimitCase{
            "RsaEnough", pki::KeyKind::rsa_2048, seconds(3600), limits([](auto & l) { l.min_rsa_bits = 2048; }), Reason::valid},
        LimitCase{
            "CurveIsNoRsa", pki::KeyKind::ec_p256, seconds(3600), limits([](auto & l) { l.min_rsa_bits = 4096; }), Reason::valid},
        LimitCase{
            "OtherCurve", pki::KeyKind::ec_p384, seconds(3600), limits([](auto & l) { l.curves = {"P-256"}; }), Reason::weak},
        LimitCase{
            "OneOfTheCurves", pki::KeyKind::ec_p384, seconds(3600),
            limits(
                [](auto & l) {
                    l.curves = {"P-256", "P-384"};
                }),
            Reason::valid},
        LimitCase{
            "EdwardsIsACurve", pki::KeyKind::ed25519, seconds(3600), limits([](auto & l) { l.curves = {"P-256"}; }),
            Reason::weak},
        LimitCase{
            "OtherHash", pki::KeyKind::ec_p256, seconds(3600), limits([](auto & l) { l.signature_hashes = {"SHA512"}; }),
            Reason::weak},
        LimitCase{
            "ThisHash", pki::KeyKind::ec_p256, seconds(3600),
            limits(
                [](auto & l) {
                    l.signature_hashes = {"SHA512", "SHA256"};
                }),
            Reason::valid},
        LimitCase{
            "LivesTooLong", pki::KeyKind::ec_p256, seconds(3601),
            limits([](auto & l) { l.max_certificate_lifetime = seconds(3600); }), Reason::lifetime},
        LimitCase{
            "LivesJustSoLong", pki::KeyKind::ec_p256, seconds(3600),
            limits([](auto & l) { l.max_certificate_lifetime = seconds(3600); }), Reason::valid},
        LimitCase{
            "TooLittleLeft", pki::KeyKind::ec_p256, seconds(70), limits([](auto & l) { l.min_remaining_lifetime = seconds(60); }),
            Reason::ending},
        LimitCase{
            "EnoughLeft", pki::KeyKind::ec_p256, seconds(71), limits([](auto & l) { l.min_remaining_lifetime = seconds(60); }),
            Reason::valid}),
    [](const auto & one) { return one.param.name; });

TEST(LimitsOfPaths, KeysOfAuthoritiesCountAndTheAnchorsSignatureDoesNot)
{
    const auto made = world().generation();
    auto & users = made->settings.limits[static_cast<size_t>(config::PeerClass::users)];
    auto spec = leaf_spec("limited");
    spec.key = pki::KeyKind::ec_p384;
    const Chain chain{world().client(spec).certificate};
    users.curves = {"P-384"};
    const auto refused = world().verify_client(*made, chain); // the authority's key is on P-256
    EXPECT_EQ(refused.reason, Reason::weak);
    EXPECT_THAT(refused.message, HasSubstr("Client Root"));
    users.curves = {"P-384", "P-256"};
    EXPECT_TRUE(world().verify_client(*made, chain).accepted());

    auto anchor_spec = pki::Spec::authority("Middle");
    anchor_spec.digest = "SHA384";
    const auto middle = must(pki::issue(anchor_spec, world().client_root, world().now));
    made->client_trust = must(trust::TrustStore::create({middle.certificate}, {}, {}));
    const Chain below{must(pki::issue(leaf_spec("below"), middle, world().now)).certificate};
    users.signature_hashes = {"SHA256"}; // the anchor is signed with SHA384
    const auto accepted = world().verify_client(*made, below);
    EXPECT_TRUE(accepted.accepted()) << accepted.message;
}

TEST(LimitsOfPaths, AnEdwardsSignatureHasNoHashToBeNamed)
{
    auto spec = pki::Spec::authority("Edwards");
    spec.key = pki::KeyKind::ed25519;
    const auto root = must(pki::self_signed(spec, world().now));
    const Chain chain{must(pki::issue(leaf_spec("limited"), root, world().now)).certificate};
    const auto made = world().generation();
    made->client_trust = must(trust::TrustStore::create({root.certificate}, {}, {}));
    made->settings.limits[static_cast<size_t>(config::PeerClass::users)].signature_hashes = {"SHA512"};
    EXPECT_TRUE(world().verify_client(*made, chain).accepted());
}

// Whose limits: by the listener of who comes to us, by the purpose of whom we connect to.
TEST(LimitsOfPeers, AreThoseOfTheirKind)
{
    const auto made = world().generation();
    const auto identity = world().verify_client(*made, {world().client(leaf_spec("ch1")).certificate}).identity;
    ASSERT_NE(identity, nullptr);
    const auto of_client = [&](std::string_view listener)
    {
        return policy::limits_for(*made, World::client_query(listener), *identity);
    };
    const auto of_server = [&](config::Purpose purpose)
    {
        auto query = World::server_query();
        query.purpose = purpose;
        return policy::limits_for(*made, query, *identity);
    };
    const auto limits_of = [&](config::PeerClass which)
    {
        return &made->settings.limits[static_cast<size_t>(which)];
    };
    EXPECT_EQ(of_client("tcp_port_secure"), limits_of(config::PeerClass::users));
    EXPECT_EQ(of_client("https_port"), limits_of(config::PeerClass::users));
    EXPECT_EQ(of_client("interserver_https_port"), limits_of(config::PeerClass::nodes));
    EXPECT_EQ(of_server(config::Purpose::node), limits_of(config::PeerClass::nodes));
    EXPECT_EQ(of_server(config::Purpose::keeper), limits_of(config::PeerClass::keeper));
    EXPECT_EQ(of_server(config::Purpose::general), nullptr);

    // A distributed query comes from a node, and to the users' port.
    const auto peers = std::make_shared<generation::Peers>();
    peers->rules = must(mapping::PeerRules::compile({{"cluster", {{mapping::Field::common_name, "ch*"}}, {}, "test"}}));
    made->nodes = peers;
    EXPECT_EQ(of_client("tcp_port_secure"), limits_of(config::PeerClass::nodes));
}

TEST(LimitsOfPeers, OfNodesHoldOnTheUsersPort)
{
    const auto made = world().generation();
    const auto peers = std::make_shared<generation::Peers>();
    peers->rules = must(mapping::PeerRules::compile({{"cluster", {{mapping::Field::common_name, "ch*"}}, {}, "test"}}));
    made->nodes = peers;
    const Chain node{world().client(leaf_spec("ch1")).certificate};
    const Chain user{world().client(leaf_spec("alice")).certificate};
    const auto only = [&](config::PeerClass which)
    {
        made->settings.limits = {};
        made->settings.limits[static_cast<size_t>(which)].max_certificate_lifetime = seconds(60);
    };
    only(config::PeerClass::nodes);
    EXPECT_EQ(world().verify_client(*made, node).reason, Reason::lifetime);
    EXPECT_TRUE(world().verify_client(*made, user).accepted());
    only(config::PeerClass::users);
    EXPECT_TRUE(world().verify_client(*made, node).accepted());
    EXPECT_EQ(world().verify_client(*made, user).reason, Reason::lifetime);
}

TEST(LimitsOfPaths, WhatMustBeLeftShortensTheValidity)
{
    const auto made = world().generation();
    const Chain chain{world().client(leaf_spec("limited")).certificate};
    const auto before = world().verify_client(*made, chain).valid_until;
    made->settings.limits[static_cast<size_t>(config::PeerClass::users)].min_remaining_lifetime = seconds(60);
    EXPECT_EQ(world().verify_client(*made, chain).valid_until, before - seconds(60));
}

}

}
