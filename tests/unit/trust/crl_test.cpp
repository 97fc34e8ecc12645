#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trust/path.h"
#include "unit/trust/changed_crl.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using testing::HasSubstr;
using trust::Crl;
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

std::vector<Crl> parsed(const Bytes & der, const std::string & source = "list.crl")
{
    return must(Crl::parse(der, source));
}

std::vector<Crl> list(const pki::Issued & issuer, const pki::CrlSpec & spec, const std::string & source = "list.crl")
{
    return parsed(must(pki::issue_crl(spec, issuer, now)), source);
}

pki::CrlSpec revoking(const pki::Issued & issued)
{
    return {.revoked = {{.serial_hex = issued.certificate.facts().serial_hex}}};
}

trust::PathVerdict verify(
    const Pki & pki, std::vector<Crl> lists, const pki::Issued & leaf, UnixTime at = now, std::vector<Certificate> anchors = {})
{
    if (anchors.empty())
        anchors = {pki.root.certificate};
    const auto store = must(TrustStore::create(std::move(anchors), std::move(lists), {}));
    const std::vector<Certificate> sent{pki.signer.certificate};
    return store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = at});
}

std::vector<Crl> joined(std::vector<Crl> first, const std::vector<Crl> & second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

}

TEST(CrlCheck, ListedIsRevokedAndUnlistedIsNot)
{
    const Pki pki;
    EXPECT_TRUE(verify(pki, {}, pki.direct).accepted());
    EXPECT_TRUE(verify(pki, list(pki.root, {}), pki.direct).accepted());
    const auto revoked = verify(pki, list(pki.root, revoking(pki.direct)), pki.direct);
    EXPECT_EQ(revoked.reason, Reason::revoked);
    EXPECT_EQ(revoked.depth, 0u);
    EXPECT_THAT(revoked.message, HasSubstr("CN=bob"));
    EXPECT_THAT(revoked.message, HasSubstr("list.crl"));
}

TEST(CrlCheck, ARevokedIntermediateTakesItsLeavesAlong)
{
    const Pki pki;
    const auto verdict = verify(pki, list(pki.root, revoking(pki.signer)), pki.leaf);
    EXPECT_EQ(verdict.reason, Reason::revoked);
    EXPECT_EQ(verdict.depth, 1u);
}

TEST(CrlCheck, AnIntermediatesOwnListCounts)
{
    const Pki pki;
    EXPECT_EQ(verify(pki, list(pki.signer, revoking(pki.leaf)), pki.leaf).reason, Reason::revoked);
    EXPECT_TRUE(verify(pki, list(pki.signer, revoking(pki.direct)), pki.leaf).accepted());
}

TEST(CrlCheck, ASerialNumberOnAnotherIssuersListIsNoMatter)
{
    const Pki pki;
    EXPECT_TRUE(verify(pki, list(pki.signer, revoking(pki.direct)), pki.direct).accepted());
    EXPECT_TRUE(verify(pki, list(pki.root, revoking(pki.leaf)), pki.leaf).accepted());
}

TEST(CrlCheck, AnAnchorIsJudgedByTheAnchorAboveIt)
{
    const Pki pki;
    const std::vector<Certificate> anchors{pki.signer.certificate, pki.root.certificate};
    EXPECT_TRUE(verify(pki, list(pki.root, {}), pki.leaf, now, anchors).accepted());
    EXPECT_EQ(verify(pki, list(pki.root, revoking(pki.signer)), pki.leaf, now, anchors).reason, Reason::revoked);
}

TEST(CrlCheck, ARootThatRevokesItselfIsBelievedInThat)
{
    const Pki pki;
    for (const pki::Issued & leaf : {pki.direct, pki.leaf})
    {
        EXPECT_TRUE(verify(pki, list(pki.root, {}), leaf).accepted());
        const auto verdict = verify(pki, list(pki.root, revoking(pki.root)), leaf);
        EXPECT_EQ(verdict.reason, Reason::revoked);
        EXPECT_THAT(verdict.message, HasSubstr("CN=root"));
    }
}

TEST(CrlCheck, TheAnchorAboveIsTheOneThatHasSigned)
{
    const auto bare = [](const std::string & name)
    {
        pki::Spec spec = pki::Spec::authority(name);
        spec.subject_key_identifier = false; // nothing but the signature tells
        spec.authority_key_identifier = false;
        return spec;
    };
    Pki pki;
    pki.root = must(pki::self_signed(bare("root"), now));
    pki.signer = must(pki::issue(bare("signer"), pki.root, now));
    pki.leaf = must(pki::issue(leaf_spec("alice"), pki.signer, now));
    const pki::Issued namesake = must(pki::self_signed(bare("root"), now));
    const std::vector<Certificate> anchors{pki.signer.certificate, namesake.certificate, pki.root.certificate};
    EXPECT_TRUE(verify(pki, list(pki.root, {}), pki.leaf, now, anchors).accepted());
    EXPECT_EQ(verify(pki, list(pki.root, revoking(pki.signer)), pki.leaf, now, anchors).reason, Reason::revoked);
    EXPECT_TRUE(verify(pki, list(namesake, revoking(pki.signer)), pki.leaf, now, anchors).accepted());
}

// OpenSSL tries the first one and stays with it.
TEST(CrlCheck, WhatTheSecondAuthorityOfANameRevokesIsSaidToBeRevoked)
{
    pki::Spec spec = pki::Spec::authority("root");
    spec.subject_key_identifier = false; // nothing but the signature tells
    const pki::Issued first = must(pki::self_signed(spec, now));
    const pki::Issued second = must(pki::self_signed(spec, now));
    for (const pki::Issued * issuer : {&first, &second})
    {
        const pki::Issued leaf = must(pki::issue(leaf_spec("bob"), *issuer, now));
        const std::vector<Certificate> anchors{first.certificate, second.certificate};
        const Pki pki;
        EXPECT_TRUE(verify(pki, list(*issuer, {}), leaf, now, anchors).accepted());
        EXPECT_EQ(verify(pki, list(*issuer, revoking(leaf)), leaf, now, anchors).reason, Reason::revoked);
    }
}

TEST(CrlCheck, AnchorsThatSignEachOtherAreJudgedAndTheSearchEnds)
{
    const Pki pki;
    const pki::Issued other = must(pki::self_signed(pki::Spec::authority("other"), now));
    const pki::Issued root_by_other = must(pki::issue_for_key(pki::Spec::authority("root"), pki.root.key, &other, now));
    const pki::Issued other_by_root = must(pki::issue_for_key(pki::Spec::authority("other"), other.key, &pki.root, now));
    const std::vector<Certificate> anchors{root_by_other.certificate, other_by_root.certificate};
    EXPECT_TRUE(verify(pki, joined(list(pki.root, {}), list(other, {})), pki.direct, now, anchors).accepted());
    const auto revoked = verify(pki, joined(list(pki.root, {}), list(other, revoking(root_by_other))), pki.direct, now, anchors);
    EXPECT_EQ(revoked.reason, Reason::revoked);
    EXPECT_EQ(revoked.depth, 1u);
}

TEST(CrlCheck, PastItsNextUpdateItRefuses)
{
    const Pki pki;
    pki::CrlSpec spec;
    spec.next_update = std::chrono::seconds{100};
    const auto at = [&](int second)
    {
        return verify(pki, list(pki.root, spec), pki.direct, now + std::chrono::seconds{second});
    };
    EXPECT_TRUE(at(100).accepted());
    EXPECT_EQ(at(0).valid_until, now + std::chrono::seconds{100});
    const auto late = at(101);
    EXPECT_EQ(late.reason, Reason::crl_expired);
    EXPECT_THAT(late.message, HasSubstr("2026-06-01T00:01:40Z"));
    const int skew = static_cast<int>(std::chrono::seconds{trust::max_clock_skew}.count());
    EXPECT_TRUE(at(-60 - skew).accepted());
    EXPECT_EQ(at(-61 - skew).reason, Reason::crl_invalid) << "not valid yet";
}

TEST(CrlCheck, TheNewestOfASeriesDecides)
{
    const Pki pki;
    pki::CrlSpec first = revoking(pki.direct);
    first.number = 1;
    first.this_update = std::chrono::hours{-2};
    first.next_update = std::chrono::hours{-1};
    pki::CrlSpec second;
    second.number = 2;
    const auto old_list = list(pki.root, first, "old.crl");
    const auto new_list = list(pki.root, second, "new.crl");
    EXPECT_TRUE(verify(pki, joined(old_list, new_list), pki.direct).accepted()) << "taken off hold";
    EXPECT_TRUE(verify(pki, joined(new_list, old_list), pki.direct).accepted());
    EXPECT_EQ(verify(pki, old_list, pki.direct).reason, Reason::revoked) << "listed in an old list is listed";
    second.revoked = revoking(pki.direct).revoked;
    first.revoked.clear();
    EXPECT_EQ(verify(pki, joined(list(pki.root, second), list(pki.root, first)), pki.direct).reason, Reason::revoked);
}

TEST(CrlCheck, OfTwoThatAreEquallyNewBothCount)
{
    const Pki pki;
    const auto listing = list(pki.root, revoking(pki.direct), "one.crl");
    const auto silent = list(pki.root, {}, "other.crl");
    EXPECT_EQ(verify(pki, joined(listing, silent), pki.direct).reason, Reason::revoked);
    EXPECT_EQ(verify(pki, joined(silent, listing), pki.direct).reason, Reason::revoked);
    EXPECT_TRUE(verify(pki, joined(silent, silent), pki.direct).accepted());
}

TEST(CrlCheck, WithoutNumbersTheLaterThisUpdateDecides)
{
    const Pki pki;
    const auto unnumbered = [&](std::chrono::seconds this_update, const pki::Issued * revoked)
    {
        pki::CrlSpec spec = revoked == nullptr ? pki::CrlSpec{} : revoking(*revoked);
        spec.this_update = this_update;
        return parsed(changed_crl(
            pki.root, spec, now,
            [](X509_CRL * crl)
            { X509_EXTENSION_free(X509_CRL_delete_ext(crl, X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1))); }));
    };
    const auto older = unnumbered(std::chrono::hours{-2}, &pki.direct);
    const auto newer = unnumbered(std::chrono::hours{-1}, nullptr);
    EXPECT_TRUE(verify(pki, joined(older, newer), pki.direct).accepted());
    EXPECT_TRUE(verify(pki, joined(newer, older), pki.direct).accepted());
    const auto newest = unnumbered(std::chrono::minutes{-1}, &pki.direct);
    EXPECT_EQ(verify(pki, joined(newest, newer), pki.direct).reason, Reason::revoked);
    EXPECT_EQ(verify(pki, joined(newer, newest), pki.direct).reason, Reason::revoked);
}

TEST(CrlCheck, EachDistributionPointHasASeriesOfItsOwn)
{
    const Pki pki;
    const auto of_point = [&](const std::string & location, pki::CrlSpec spec, uint64_t number)
    {
        spec.number = number;
        const auto named = [location](ISSUING_DIST_POINT & point)
        {
            point.distpoint = DIST_POINT_NAME_new();
            point.distpoint->type = 0; // a full name
            point.distpoint->name.fullname = GENERAL_NAMES_new();
            GENERAL_NAME * name = GENERAL_NAME_new();
            ASN1_IA5STRING * text = ASN1_IA5STRING_new();
            ASN1_STRING_set(text, location.c_str(), -1);
            GENERAL_NAME_set0_value(name, GEN_URI, text);
            sk_GENERAL_NAME_push(point.distpoint->name.fullname, name);
        };
        return parsed(changed_crl(pki.root, spec, now, distribution_point(named)));
    };
    const auto listing = of_point("http://crl.test/1", revoking(pki.direct), 1);
    EXPECT_EQ(verify(pki, joined(listing, of_point("http://crl.test/2", {}, 2)), pki.direct).reason, Reason::revoked);
    EXPECT_EQ(verify(pki, joined(of_point("http://crl.test/2", {}, 2), listing), pki.direct).reason, Reason::revoked);
    EXPECT_TRUE(verify(pki, joined(listing, of_point("http://crl.test/1", {}, 2)), pki.direct).accepted());
}

TEST(CrlCheck, AListOfTomorrowDoesNotTakeTodaysAway)
{
    const Pki pki;
    pki::CrlSpec tomorrow;
    tomorrow.this_update = std::chrono::hours{24};
    tomorrow.next_update = std::chrono::hours{48};
    tomorrow.number = 2;
    EXPECT_TRUE(verify(pki, joined(list(pki.root, {}), list(pki.root, tomorrow)), pki.direct).accepted());
    EXPECT_EQ(
        verify(pki, joined(list(pki.root, revoking(pki.direct)), list(pki.root, tomorrow)), pki.direct).reason, Reason::revoked);
    tomorrow.revoked = revoking(pki.direct).revoked;
    EXPECT_TRUE(verify(pki, joined(list(pki.root, {}), list(pki.root, tomorrow)), pki.direct).accepted()) << "not yet";
}

TEST(CrlCheck, ScopeIsKept)
{
    const Pki pki;
    const auto scoped = [&](bool users)
    {
        return parsed(changed_crl(
            pki.root, {}, now,
            [&](X509_CRL * crl)
            {
                distribution_point([&](ISSUING_DIST_POINT & point) { (users ? point.onlyuser : point.onlyCA) = 0xff; })(crl);
                for (const pki::Issued * issued : {&pki.direct, &pki.signer})
                {
                    X509_REVOKED * entry = X509_REVOKED_new();
                    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(issued->certificate.x509()));
                    const openssl::Asn1TimePtr when(ASN1_TIME_set(nullptr, now.time_since_epoch().count()));
                    X509_REVOKED_set_revocationDate(entry, when.get());
                    X509_CRL_add0_revoked(crl, entry);
                }
            }));
    };
    EXPECT_EQ(verify(pki, scoped(true), pki.direct).reason, Reason::revoked);
    EXPECT_TRUE(verify(pki, scoped(true), pki.leaf).accepted());
    EXPECT_EQ(verify(pki, scoped(false), pki.leaf).reason, Reason::revoked);
    EXPECT_TRUE(verify(pki, scoped(false), pki.direct).accepted());
}

TEST(CrlCheck, AForgedListOfAnAnchorFailsTheLoad)
{
    const Pki pki;
    const pki::Issued namesake = must(pki::self_signed(pki::Spec::authority("root"), now));
    const auto store = TrustStore::create({pki.root.certificate}, list(namesake, {}, "forged.crl"), {});
    ASSERT_FALSE(store.has_value());
    ASSERT_EQ(store.error().size(), 1u);
    EXPECT_EQ(store.error()[0].file, "forged.crl");
    EXPECT_EQ(store.error()[0].code, "CRL-INVALID");
    EXPECT_THAT(store.error()[0].reason, HasSubstr("signature"));
    EXPECT_TRUE(TrustStore::create({pki.root.certificate, namesake.certificate}, list(namesake, {}), {}).has_value());
}

TEST(CrlCheck, AnAuthorityWithoutCrlSignMaySignNone)
{
    pki::Spec spec = pki::Spec::authority("root");
    spec.key_usages = {"keyCertSign"};
    const pki::Issued root = must(pki::self_signed(spec, now));
    const auto store = TrustStore::create({root.certificate}, list(root, {}), {});
    ASSERT_FALSE(store.has_value());
    EXPECT_THAT(store.error()[0].reason, HasSubstr("key usage"));
}

TEST(CrlCheck, NorMayAnIntermediateWithoutIt)
{
    pki::Spec spec = pki::Spec::authority("signer");
    for (const bool may : {true, false})
    {
        spec.key_usages = may ? std::vector<std::string>{"keyCertSign", "cRLSign"} : std::vector<std::string>{"keyCertSign"};
        Pki pki;
        pki.signer = must(pki::issue(spec, pki.root, now));
        pki.leaf = must(pki::issue(leaf_spec("alice"), pki.signer, now));
        const auto verdict = verify(pki, list(pki.signer, {}), pki.leaf);
        EXPECT_EQ(verdict.reason, may ? Reason::valid : Reason::crl_invalid) << verdict.message;
        EXPECT_TRUE(verify(pki, list(pki.signer, {}), pki.direct).accepted()) << "nothing of that authority is on this path";
    }
}

TEST(CrlCheck, AForgedListOfAnIntermediateRefusesItsLeaves)
{
    const Pki pki;
    Bytes der = must(pki::issue_crl({}, pki.signer, now));
    der.back() ^= 1;
    EXPECT_EQ(verify(pki, parsed(der), pki.leaf).reason, Reason::crl_invalid);
    EXPECT_TRUE(verify(pki, parsed(der), pki.direct).accepted());
}

TEST(CrlCheck, AForgedListThatNamesNoKeyRefusesToo)
{
    Pki pki;
    pki::Spec spec = pki::Spec::authority("signer");
    spec.subject_key_identifier = false; // so its lists name no key either
    pki.signer = must(pki::issue(spec, pki.root, now));
    pki.leaf = must(pki::issue(leaf_spec("alice"), pki.signer, now));
    EXPECT_TRUE(verify(pki, list(pki.signer, {}), pki.leaf).accepted());
    Bytes der = must(pki::issue_crl({}, pki.signer, now));
    der.back() ^= 1;
    EXPECT_EQ(verify(pki, parsed(der), pki.leaf).reason, Reason::crl_invalid);
}

TEST(CrlCheck, RemembersASignatureForOneKeyOnly)
{
    Pki pki;
    const pki::Issued renewed = must(pki::issue(pki::Spec::authority("signer"), pki.root, now));
    const pki::Issued leaf = must(pki::issue(leaf_spec("carol"), renewed, now));
    const auto store = must(TrustStore::create(
        {pki.root.certificate}, joined(list(pki.signer, revoking(pki.leaf)), list(renewed, revoking(leaf))), {}));
    const auto reason = [&](const pki::Issued & issued, const pki::Issued & issuer)
    {
        const std::vector<Certificate> sent{issuer.certificate};
        return store->verify({.leaf = issued.certificate, .intermediates = sent, .at = now}).reason;
    };
    for (int round = 0; round < 3; ++round)
    {
        EXPECT_EQ(reason(pki.leaf, pki.signer), Reason::revoked);
        EXPECT_EQ(reason(leaf, renewed), Reason::revoked);
    }
}

TEST(CrlCheck, AListThatHasProvedOneKeyReplacesNoneOfAnother)
{
    const Pki pki;
    const pki::Issued renewed = must(pki::issue(pki::Spec::authority("signer"), pki.root, now));
    const pki::Issued leaf = must(pki::issue(leaf_spec("carol"), renewed, now));
    pki::CrlSpec newer;
    newer.number = 2;
    newer.this_update = std::chrono::seconds{-30};
    const auto store
        = must(TrustStore::create({pki.root.certificate}, joined(list(pki.signer, newer), list(renewed, revoking(leaf))), {}));
    const std::vector<Certificate> sent{pki.signer.certificate, renewed.certificate};
    const auto reason = [&](const pki::Issued & issued)
    {
        return store->verify({.leaf = issued.certificate, .intermediates = sent, .at = now}).reason;
    };
    EXPECT_EQ(reason(pki.leaf), Reason::valid);
    EXPECT_EQ(reason(leaf), Reason::revoked);
}

TEST(CrlCheck, WhenNumberAndDateDisagreeBothCount)
{
    const Pki pki;
    pki::CrlSpec restored; // of an authority whose database was put back
    restored.number = 5;
    restored.this_update = std::chrono::minutes{-10};
    pki::CrlSpec former = revoking(pki.direct);
    former.number = 100;
    former.this_update = std::chrono::hours{-20};
    former.next_update = std::chrono::hours{-1};
    const auto judge = [&](const pki::CrlSpec & one, const pki::CrlSpec & other)
    {
        const auto first = list(pki.root, one, "one.crl");
        const auto second = list(pki.root, other, "other.crl");
        const Reason reason = verify(pki, joined(first, second), pki.direct).reason;
        EXPECT_EQ(verify(pki, joined(second, first), pki.direct).reason, reason);
        return reason;
    };
    EXPECT_EQ(judge(restored, former), Reason::revoked);
    restored.number = 101;
    EXPECT_EQ(judge(restored, former), Reason::valid) << "newer by both";
    restored.number = 5;
    former.revoked.clear();
    EXPECT_EQ(judge(restored, former), Reason::valid) << "the one that has not ended says so";
    restored.next_update = std::chrono::minutes{-1};
    EXPECT_EQ(judge(restored, former), Reason::crl_expired);
}
