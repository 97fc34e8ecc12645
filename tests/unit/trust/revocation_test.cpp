// Policy per authority, grace and staleness. Each refusal has its accepted twin: the same chain and lists under another rule.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/issue.h"
#include "trust/path.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::SizeIs;
using trust::Crl;
using trust::RevocationPolicy;
using trust::RevocationRule;
using trust::RevocationRules;
using trust::StaleList;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

struct Pki
{
    pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    pki::Issued signer = must(pki::issue(pki::Spec::authority("signer"), root, now));
    pki::Issued leaf = must(pki::issue(leaf_spec("alice"), signer, now));
    pki::Issued direct = must(pki::issue(leaf_spec("bob"), root, now));
};

const Pki & pki_of_all()
{
    static const Pki one;
    return one;
}

std::vector<Crl> list(const pki::Issued & issuer, seconds next_update = hours(24), const pki::Issued * revoked = nullptr)
{
    pki::CrlSpec spec;
    spec.this_update = hours(-48);
    spec.next_update = next_update;
    if (revoked != nullptr)
        spec.revoked = {{.serial_hex = revoked->certificate.facts().serial_hex}};
    return must(Crl::parse(must(pki::issue_crl(spec, issuer, now)), issuer.certificate.facts().subject + ".crl"));
}

trust::PathVerdict verify(
    const RevocationRules & rules, std::vector<Crl> lists, const pki::Issued & leaf, UnixTime at = now,
    std::vector<trust::RevocationStep> * steps = nullptr)
{
    const Pki & pki = pki_of_all();
    TrustStore::Options options;
    options.revocation = rules;
    const auto store = must(TrustStore::create({pki.root.certificate}, std::move(lists), std::move(options)));
    const std::vector<Certificate> sent{pki.signer.certificate};
    return store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = at, .revocation = steps});
}

RevocationRules rules(RevocationRule general)
{
    return {general, {}};
}

std::vector<Crl> operator+(std::vector<Crl> left, const std::vector<Crl> & right)
{
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

}

TEST(RevocationPolicyOf, RequireWantsAListOfEachIssuerBelowTheAnchor)
{
    const Pki & pki = pki_of_all();
    const RevocationRules require = rules({RevocationPolicy::require, seconds(0), StaleList::closed});
    const auto without = verify(require, {}, pki.leaf);
    EXPECT_EQ(without.reason, Reason::crl_missing);
    EXPECT_THAT(without.message, HasSubstr("no CRL of CN=signer"));
    EXPECT_TRUE(verify({}, {}, pki.leaf).accepted());

    const auto half = verify(require, list(pki.signer), pki.leaf);
    EXPECT_EQ(half.reason, Reason::crl_missing);
    EXPECT_THAT(half.message, HasSubstr("no CRL of CN=root"));
    EXPECT_EQ(half.depth, 1u);
    EXPECT_TRUE(verify(require, list(pki.signer) + list(pki.root), pki.leaf).accepted());
}

TEST(RevocationPolicyOf, AnAuthorityCanHaveItsOwn)
{
    const Pki & pki = pki_of_all();
    RevocationRules mixed = rules({RevocationPolicy::require, seconds(0), StaleList::closed});
    mixed.by_authority["CN=root"] = {RevocationPolicy::if_present, seconds(0), StaleList::closed};
    EXPECT_TRUE(verify(mixed, list(pki.signer), pki.leaf).accepted());
    EXPECT_TRUE(verify(mixed, {}, pki.direct).accepted());
    EXPECT_EQ(verify(mixed, {}, pki.leaf).reason, Reason::crl_missing);

    RevocationRules only_root;
    only_root.by_authority["CN=root"] = {RevocationPolicy::require, seconds(0), StaleList::closed};
    EXPECT_EQ(verify(only_root, {}, pki.direct).reason, Reason::crl_missing);
    EXPECT_TRUE(verify(only_root, list(pki.root), pki.direct).accepted());
}

TEST(RevocationPolicyOf, OffLooksAtNoList)
{
    const Pki & pki = pki_of_all();
    const auto lists = list(pki.signer, hours(24), &pki.leaf);
    EXPECT_EQ(verify({}, lists, pki.leaf).reason, Reason::revoked);
    EXPECT_TRUE(verify(rules({RevocationPolicy::off, seconds(0), StaleList::closed}), lists, pki.leaf).accepted());
    EXPECT_TRUE(
        verify(rules({RevocationPolicy::off, seconds(0), StaleList::closed}), list(pki.signer, hours(-1)), pki.leaf).accepted());
}

TEST(Staleness, GraceIsExactAndBoundsTheValidity)
{
    const Pki & pki = pki_of_all();
    const auto lists = list(pki.signer, hours(1));
    const UnixTime due = now + hours(1);
    const RevocationRules strict;
    const RevocationRules lenient = rules({RevocationPolicy::if_present, seconds(600), StaleList::closed});
    EXPECT_EQ(verify(strict, lists, pki.leaf).valid_until, due);
    EXPECT_EQ(verify(lenient, lists, pki.leaf).valid_until, due + seconds(600));
    EXPECT_TRUE(verify(strict, lists, pki.leaf, due).accepted());
    EXPECT_EQ(verify(strict, lists, pki.leaf, due + seconds(1)).reason, Reason::crl_expired);
    EXPECT_TRUE(verify(lenient, lists, pki.leaf, due + seconds(600)).accepted());
    const auto late = verify(lenient, lists, pki.leaf, due + seconds(601));
    EXPECT_EQ(late.reason, Reason::crl_expired);
    EXPECT_THAT(late.message, HasSubstr(format_rfc3339(due)));
}

TEST(Staleness, OpenAcceptsWhatTheOldListDoesNotName)
{
    const Pki & pki = pki_of_all();
    const RevocationRules open = rules({RevocationPolicy::require, seconds(0), StaleList::open});
    const auto stale = list(pki.signer, hours(-1)) + list(pki.root, hours(-1));
    const auto accepted = verify(open, stale, pki.leaf);
    EXPECT_TRUE(accepted.accepted()) << accepted.message;
    EXPECT_EQ(accepted.valid_until, pki.leaf.certificate.facts().not_after);
    EXPECT_EQ(verify({}, stale, pki.leaf).reason, Reason::crl_expired);
    const auto naming = list(pki.signer, hours(-1), &pki.leaf) + list(pki.root, hours(-1));
    EXPECT_EQ(verify(open, naming, pki.leaf).reason, Reason::revoked);
}

TEST(ListsToCome, CountWithinTheSkewOfClocksAndBoundTheValidityBeyondIt)
{
    const Pki & pki = pki_of_all();
    const auto ahead = [&](seconds by)
    {
        pki::CrlSpec spec;
        spec.number = 2;
        spec.this_update = by;
        spec.next_update = hours(48);
        spec.revoked = {{.serial_hex = pki.leaf.certificate.facts().serial_hex}};
        return must(Crl::parse(must(pki::issue_crl(spec, pki.signer, now)), "ahead.crl"));
    };
    const seconds skew = trust::max_clock_skew;
    EXPECT_EQ(verify({}, list(pki.signer) + ahead(skew), pki.leaf).reason, Reason::revoked);
    EXPECT_EQ(verify({}, ahead(skew), pki.leaf).reason, Reason::revoked);

    const auto later = verify({}, list(pki.signer) + ahead(skew + seconds(1)), pki.leaf);
    EXPECT_TRUE(later.accepted()) << later.message;
    EXPECT_EQ(later.valid_until, now + seconds(1));
    EXPECT_EQ(verify({}, list(pki.signer) + ahead(skew + seconds(1)), pki.leaf, later.valid_until).reason, Reason::revoked);
    EXPECT_EQ(verify({}, ahead(skew + seconds(1)), pki.leaf).reason, Reason::crl_invalid);
}

TEST(RevocationSteps, NameTheListAndItsNextUpdate)
{
    const Pki & pki = pki_of_all();
    std::vector<trust::RevocationStep> steps;
    EXPECT_TRUE(verify({}, list(pki.signer), pki.leaf, now, &steps).accepted());
    ASSERT_THAT(steps, SizeIs(2)); // the leaf, and the signer, for whom there is no list
    ASSERT_THAT(steps[0].lists, SizeIs(1));
    EXPECT_EQ(steps[0].lists[0].source(), "CN=signer.crl");
    EXPECT_EQ(steps[0].lists[0].next_update(), now + hours(24));
    EXPECT_EQ(steps[0].issuer, "CN=signer");
    EXPECT_THAT(steps[1].lists, SizeIs(0));

    EXPECT_FALSE(verify({}, list(pki.signer, hours(24), &pki.leaf), pki.leaf, now, &steps).accepted());
    ASSERT_THAT(steps, SizeIs(1));
    EXPECT_EQ(steps[0].reason, Reason::revoked);
}
