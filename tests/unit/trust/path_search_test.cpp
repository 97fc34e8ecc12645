// Every path that the certificates sent and the authorities allow is tried, within a bound on work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/issue.h"
#include "trust/path.h"
#include "trust/path_search.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using testing::HasSubstr;
using trust::Purpose;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

pki::Issued root_of(const std::string & name)
{
    return must(pki::self_signed(pki::Spec::authority(name), now));
}

trust::PathVerdict judge(
    const std::vector<Certificate> & anchors, const Certificate & leaf, const std::vector<Certificate> & sent,
    Purpose purpose = Purpose::client_auth)
{
    const auto store = must(TrustStore::create(anchors, {}, {.partial_chain = false}));
    return store->verify({.leaf = leaf, .intermediates = sent, .purpose = purpose, .at = now});
}

/// All orders: of at most four.
void expect_in_any_order(
    const std::vector<Certificate> & anchors, const Certificate & leaf, std::vector<Certificate> sent, Reason reason)
{
    const auto by_bytes = [](const Certificate & left, const Certificate & right)
    {
        return std::ranges::lexicographical_compare(left.der(), right.der());
    };
    std::ranges::sort(sent, by_bytes);
    do
    {
        const auto verdict = judge(anchors, leaf, sent);
        EXPECT_EQ(verdict.reason, reason) << verdict.message;
    } while (std::next_permutation(sent.begin(), sent.end(), by_bytes));
}

/// A second certificate for the key of the issuing authority that leads nowhere.
struct Decoy
{
    const char * name;
    std::function<void(pki::Spec &)> change;
    Reason alone; ///< what a path through it is refused for
};

void PrintTo(const Decoy & decoy, std::ostream * out)
{
    *out << decoy.name;
}

class PathDecoy : public testing::TestWithParam<Decoy>
{
};

TEST_P(PathDecoy, DoesNotHideTheGoodPath)
{
    const pki::Issued root = root_of("root");
    const pki::Issued issuing = must(pki::issue(pki::Spec::authority("Issuing"), root, now));
    const Certificate leaf = must(pki::issue(leaf_spec("alice", {dns("alice.example.org")}), issuing, now)).certificate;
    pki::Spec spec = pki::Spec::authority("Issuing");
    GetParam().change(spec);
    const Certificate decoy = must(pki::issue_for_key(spec, issuing.key, &root, now)).certificate;
    EXPECT_EQ(judge({root.certificate}, leaf, {decoy}).reason, GetParam().alone);
    expect_in_any_order({root.certificate}, leaf, {decoy, issuing.certificate}, Reason::valid);
    expect_in_any_order({root.certificate}, leaf, {decoy, issuing.certificate, root.certificate}, Reason::valid);
    // Among the authorities as well.
    EXPECT_EQ(judge({decoy, issuing.certificate, root.certificate}, leaf, {}).reason, Reason::valid);
}

INSTANTIATE_TEST_SUITE_P(
    Of, PathDecoy,
    testing::Values(
        Decoy{
            "Expired",
            [](pki::Spec & spec) { spec.not_before = -std::chrono::hours{2}, spec.not_after = -std::chrono::hours{1}; },
            Reason::expired},
        Decoy{"OfTomorrow", [](pki::Spec & spec) { spec.not_before = std::chrono::hours{1}; }, Reason::not_yet_valid},
        Decoy{"NoAuthority", [](pki::Spec & spec) { spec.ca = false; }, Reason::signer_ca},
        Decoy{"NoCertSign", [](pki::Spec & spec) { spec.key_usages = {"cRLSign"}; }, Reason::signer_key_usage},
        Decoy{
            "ForServers", [](pki::Spec & spec) { spec.extended_key_usage = true, spec.extended_key_usages = {"serverAuth"}; },
            Reason::purpose},
        Decoy{"Excluding", [](pki::Spec & spec) { spec.excluded_names = {"DNS:example.org"}; }, Reason::name_constraint},
        Decoy{"PermittingOthers", [](pki::Spec & spec) { spec.permitted_names = {"DNS:example.com"}; }, Reason::name_constraint},
        Decoy{
            "UnknownCritical",
            [](pki::Spec & spec) {
                spec.extra = {{"1.3.6.1.4.1.55744.9", true, {5, 0}}};
            },
            Reason::critical_extension},
        Decoy{"OfSha1", [](pki::Spec & spec) { spec.digest = "SHA1"; }, Reason::weak}),
    [](const auto & test) { return test.param.name; });

}

TEST(PathSearch, ARootThatIsBeingReplaced)
{
    const pki::Issued root = root_of("root");
    const pki::Issued next = root_of("Next root");
    const Certificate cross = must(pki::issue_for_key(pki::Spec::authority("Next root"), next.key, &root, now)).certificate;
    const Certificate leaf = must(pki::issue(leaf_spec("alice"), next, now)).certificate;
    expect_in_any_order({root.certificate}, leaf, {next.certificate, cross}, Reason::valid);
    expect_in_any_order({next.certificate}, leaf, {next.certificate, cross}, Reason::valid);
    expect_in_any_order({root.certificate}, leaf, {next.certificate}, Reason::unknown_ca);
}

TEST(PathSearch, AnExpiredCrossSignBehindAGoodPath)
{
    const pki::Issued former = root_of("former");
    const pki::Issued root = root_of("root");
    pki::Spec spec = pki::Spec::authority("root");
    spec.not_before = -std::chrono::hours{9};
    spec.not_after = -std::chrono::hours{1};
    const Certificate cross = must(pki::issue_for_key(spec, root.key, &former, now)).certificate;
    const pki::Issued issuing = must(pki::issue(pki::Spec::authority("Issuing"), root, now));
    const Certificate leaf = must(pki::issue(leaf_spec("alice"), issuing, now)).certificate;
    expect_in_any_order({root.certificate}, leaf, {issuing.certificate, cross}, Reason::valid);
    expect_in_any_order({former.certificate, root.certificate}, leaf, {issuing.certificate, cross}, Reason::valid);
    expect_in_any_order({former.certificate}, leaf, {issuing.certificate, cross}, Reason::expired);
}

TEST(PathSearch, AnIntermediateOfTheStoreCompletesAPathAndEndsNone)
{
    const pki::Issued root = root_of("root");
    const pki::Issued policy = must(pki::issue(pki::Spec::authority("Policy"), root, now));
    const pki::Issued issuing = must(pki::issue(pki::Spec::authority("Issuing"), policy, now));
    const pki::Issued decoy = root_of("Issuing");
    const Certificate leaf = must(pki::issue(leaf_spec("alice"), issuing, now)).certificate;
    EXPECT_TRUE(judge({root.certificate, policy.certificate}, leaf, {decoy.certificate, issuing.certificate}).accepted());
    EXPECT_EQ(judge({policy.certificate, issuing.certificate}, leaf, {}).reason, Reason::unknown_ca);
}

TEST(PathSearch, ARefusalNamesThePathThatCameFurthest)
{
    const pki::Issued root = root_of("root");
    const pki::Issued issuing = must(pki::issue(pki::Spec::authority("Issuing"), root, now));
    pki::Spec narrow = pki::Spec::authority("Issuing");
    narrow.excluded_names = {"DNS:example.org"};
    pki::Spec old = pki::Spec::authority("Issuing");
    old.not_before = -std::chrono::hours{2};
    old.not_after = -std::chrono::hours{1};
    const Certificate leaf = must(pki::issue(leaf_spec("alice", {dns("a.example.org")}), issuing, now)).certificate;
    const std::vector<Certificate> sent{
        root_of("Issuing").certificate, must(pki::issue_for_key(old, issuing.key, &root, now)).certificate,
        must(pki::issue_for_key(narrow, issuing.key, &root, now)).certificate};
    const auto verdict = judge({root.certificate}, leaf, sent);
    EXPECT_EQ(verdict.reason, Reason::name_constraint) << verdict.message;
    EXPECT_THAT(verdict.message, HasSubstr("CN=alice <- CN=Issuing <- CN=root, which came furthest of 2"));
}

TEST(PathSearch, ARevokedAuthorityIsPassedByAnotherPathAndARevokedLeafByNone)
{
    const pki::Issued root = root_of("root");
    const pki::Issued other = root_of("other");
    const pki::Issued issuing = must(pki::issue(pki::Spec::authority("Issuing"), root, now));
    const Certificate cross = must(pki::issue_for_key(pki::Spec::authority("Issuing"), issuing.key, &other, now)).certificate;
    const pki::Issued leaf = must(pki::issue(leaf_spec("alice"), issuing, now));
    const auto reason = [&](const pki::Issued & issuer, const pki::Issued & revoked)
    {
        const pki::CrlSpec spec{.revoked = {{.serial_hex = revoked.certificate.facts().serial_hex}}};
        auto lists = must(trust::Crl::parse(must(pki::issue_crl(spec, issuer, now)), "list.crl"));
        const auto store = must(TrustStore::create({root.certificate, other.certificate}, std::move(lists), {}));
        const std::vector<Certificate> sent{issuing.certificate, cross};
        return store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = now}).reason;
    };
    EXPECT_EQ(reason(root, issuing), Reason::valid);
    EXPECT_EQ(reason(issuing, leaf), Reason::revoked);
}

namespace
{

/// Layers of authorities, each with several certificates for one name and key, under one that may certify nobody.
struct Layers
{
    pki::Issued root = root_of("root");
    std::vector<Certificate> sent;
    pki::Issued leaf;

    static Layers made(size_t layers, size_t width, bool forbidding)
    {
        const pki::Issued root = root_of("root");
        pki::Spec top = pki::Spec::authority("top");
        if (forbidding)
            top.excluded_names = {"DNS:example.org"};
        pki::Issued issuer = must(pki::issue(top, root, now));
        std::vector<Certificate> sent{issuer.certificate};
        for (size_t layer = 0; layer < layers; ++layer)
        {
            const pki::Spec spec = pki::Spec::authority("layer " + std::to_string(layer));
            const pki::Issued first = must(pki::issue(spec, issuer, now));
            sent.push_back(first.certificate);
            for (size_t i = 1; i < width; ++i)
                sent.push_back(must(pki::issue_for_key(spec, first.key, &issuer, now)).certificate);
            issuer = first;
        }
        return {root, std::move(sent), must(pki::issue(leaf_spec("alice", {dns("a.example.org")}), issuer, now))};
    }
};

}

TEST(PathSearch, IsBoundedByCountedWork)
{
    const Layers many = Layers::made(4, 3, true); // 81 paths of 5 signatures
    EXPECT_EQ(judge({many.root.certificate}, many.leaf.certificate, many.sent).reason, Reason::name_constraint);
    const Layers hostile = Layers::made(7, 2, true); // 128 paths of 9 signatures
    ASSERT_EQ(hostile.sent.size(), 15u);
    const auto verdict = judge({hostile.root.certificate}, hostile.leaf.certificate, hostile.sent);
    EXPECT_EQ(verdict.reason, Reason::resource);
    EXPECT_THAT(verdict.message, HasSubstr("more paths than are tried"));
    EXPECT_THAT(verdict.message, HasSubstr("may certify"));
    const Layers good = Layers::made(7, 2, false);
    EXPECT_TRUE(judge({good.root.certificate}, good.leaf.certificate, good.sent).accepted());

    for (const uint64_t units : {40u, 200u, 700u})
    {
        trust::WorkBudget budget(units);
        size_t tried = 0;
        trust::PathSearch(
            {.leaf = hostile.leaf.certificate,
             .sent = hostile.sent,
             .known = {{hostile.root.certificate, true}},
             .purpose = 0,
             .depth = 9,
             .at = now},
            budget)
            .each(
                [&](const std::vector<Certificate> & path)
                {
                    ++tried;
                    EXPECT_EQ(path.size(), 10u);
                    return false;
                });
        EXPECT_TRUE(budget.overdrawn());
        EXPECT_LE(tried * 9, units);
        EXPECT_GE(tried * 10 + 40, units / 2);
    }
}

/// Authorities that all certify each other: more paths than anybody can count.
TEST(PathSearch, AMeshEndsAndItsGoodPathIsFound)
{
    const pki::Issued root = root_of("root");
    std::vector<pki::Issued> members;
    for (int i = 0; i < 4; ++i)
        members.push_back(root_of("member " + std::to_string(i)));
    std::vector<Certificate> sent;
    for (const pki::Issued & issuer : members)
        for (const pki::Issued & subject : members)
            if (issuer.certificate != subject.certificate)
                sent.push_back(
                    must(pki::issue_for_key(
                             pki::Spec::authority(subject.certificate.facts().common_name.value()), subject.key, &issuer, now))
                        .certificate);
    const Certificate leaf = must(pki::issue(leaf_spec("alice", {dns("a.example.org")}), members[0], now)).certificate;
    EXPECT_EQ(judge({root.certificate}, leaf, sent).reason, Reason::unknown_ca);
    pki::Spec spec = pki::Spec::authority("member 3");
    sent.push_back(must(pki::issue_for_key(spec, members[3].key, &root, now)).certificate);
    EXPECT_EQ(judge({root.certificate}, leaf, sent).reason, Reason::valid);
    spec.excluded_names = {"DNS:example.org"};
    sent.back() = must(pki::issue_for_key(spec, members[3].key, &root, now)).certificate;
    EXPECT_EQ(judge({root.certificate}, leaf, sent).reason, Reason::name_constraint);
}

TEST(PathSearch, StrangersMakeNobodyUseTheirKeys)
{
    const pki::Issued root = root_of("root");
    const pki::Issued stranger = root_of("stranger");
    const Certificate leaf = must(pki::issue(leaf_spec("alice"), stranger, now)).certificate;
    const std::vector<Certificate> sent{stranger.certificate};
    trust::WorkBudget none(0);
    trust::PathSearch(
        {.leaf = leaf, .sent = sent, .known = {{root.certificate, true}}, .purpose = 0, .depth = 9, .at = now}, none);
    EXPECT_FALSE(none.overdrawn());
}

TEST(PathSearch, CostFollowsTheKey)
{
    const auto cost = [](pki::KeyKind kind)
    {
        pki::Spec spec = pki::Spec::authority("root");
        spec.key = kind;
        return trust::signature_cost(must(pki::self_signed(spec, now)).certificate);
    };
    EXPECT_EQ(cost(pki::KeyKind::ec_p256), 1u);
    EXPECT_EQ(cost(pki::KeyKind::rsa_2048), 1u);
    EXPECT_EQ(cost(pki::KeyKind::ed25519), 2u);
    EXPECT_EQ(cost(pki::KeyKind::ec_p384), 10u);
}
