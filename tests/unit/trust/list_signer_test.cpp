// Lists that an authority has signed with another key than its certificates (RFC 5280 6.3.3 (f)).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trust/path.h"
#include "unit/trust/changed_crl.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using testing::HasSubstr;
using trust::Crl;
using trust::RevocationPolicy;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

pki::Spec issuing(std::vector<std::string> key_usages = {"keyCertSign", "cRLSign"})
{
    pki::Spec spec = pki::Spec::authority("Issuing");
    spec.key_usages = std::move(key_usages);
    return spec;
}

pki::Issued below(const pki::Issued & issuer, const pki::Spec & spec)
{
    return must(pki::issue(spec, issuer, now));
}

std::vector<Crl> list(const pki::Issued & issuer, const pki::Issued * revoked, const std::string & source = "list.crl")
{
    pki::CrlSpec spec;
    if (revoked != nullptr)
        spec.revoked = {{.serial_hex = revoked->certificate.facts().serial_hex}};
    return must(Crl::parse(must(pki::issue_crl(spec, issuer, now)), source));
}

std::vector<Crl> joined(std::vector<Crl> first, const std::vector<Crl> & second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

/// Two keys of one authority, and who it has certified with the first.
struct Rollover
{
    pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    pki::Issued former = below(root, issuing());
    pki::Issued next = below(root, issuing());
    pki::Issued leaf = below(former, leaf_spec("alice"));

    [[nodiscard]] trust::PathVerdict judge(
        std::vector<Crl> lists, std::vector<Certificate> sent, RevocationPolicy policy = RevocationPolicy::if_present,
        std::vector<Certificate> more_known = {}) const
    {
        TrustStore::Options options;
        options.partial_chain = false;
        options.revocation.by_authority["CN=Issuing"].policy = policy;
        more_known.insert(more_known.begin(), root.certificate);
        const auto store = must(TrustStore::create(std::move(more_known), std::move(lists), std::move(options)));
        sent.insert(sent.begin(), former.certificate);
        return store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = now});
    }
};

}

TEST(ListSigner, AListSignedWithTheNextKeyCounts)
{
    const Rollover pki;
    const std::vector<Certificate> shown{pki.next.certificate};
    for (const RevocationPolicy policy : {RevocationPolicy::if_present, RevocationPolicy::require})
    {
        const auto revoked = pki.judge(list(pki.next, &pki.leaf), shown, policy);
        EXPECT_EQ(revoked.reason, Reason::revoked) << revoked.message;
        EXPECT_EQ(revoked.depth, 0u);
        const auto good = pki.judge(list(pki.next, nullptr), shown, policy);
        EXPECT_EQ(good.reason, Reason::valid) << good.message;
        // Known here, and not shown by the peer.
        EXPECT_EQ(pki.judge(list(pki.next, &pki.leaf), {}, policy, {pki.next.certificate}).reason, Reason::revoked);
        EXPECT_EQ(pki.judge(list(pki.next, nullptr), {}, policy, {pki.next.certificate}).reason, Reason::valid);
    }
}

TEST(ListSigner, AListThatNobodyKnownHasSignedIsNeverNothing)
{
    const Rollover pki;
    const auto unknown = pki.judge(list(pki.next, nullptr), {});
    EXPECT_EQ(unknown.reason, Reason::crl_invalid);
    EXPECT_THAT(unknown.message, HasSubstr("list.crl"));
    EXPECT_THAT(unknown.message, HasSubstr("add the certificate of the key"));
    EXPECT_EQ(pki.judge(list(pki.next, nullptr), {pki.next.certificate}).reason, Reason::valid);

    // Beside a good list as well, and whatever key the list names: a flipped bit names a stranger's.
    EXPECT_EQ(pki.judge(joined(list(pki.former, nullptr), list(pki.next, nullptr)), {}).reason, Reason::crl_invalid);
    const auto & key_id = *X509_get0_subject_key_id(pki.former.certificate.x509());
    const uint8_t * const id = ASN1_STRING_get0_data(&key_id);
    Bytes der = must(pki::issue_crl({}, pki.former, now));
    EXPECT_EQ(pki.judge(must(Crl::parse(der, "list.crl")), {}).reason, Reason::valid);
    const auto at = std::search(der.begin(), der.end(), id, id + ASN1_STRING_length(&key_id));
    ASSERT_NE(at, der.end());
    *at ^= 1;
    EXPECT_EQ(pki.judge(must(Crl::parse(der, "list.crl")), {}).reason, Reason::crl_invalid);
}

TEST(ListSigner, WhatIsListedIsSaidBeforeWhatIsWrongWithAnotherList)
{
    const Rollover pki;
    EXPECT_EQ(pki.judge(joined(list(pki.next, nullptr), list(pki.former, &pki.leaf)), {}).reason, Reason::revoked);
}

TEST(ListSigner, AKeyForListsAloneNeedsItsKeyUsage)
{
    const Rollover pki;
    pki::Spec lists_only = issuing({"cRLSign"});
    lists_only.ca = false;
    const pki::Issued signer = below(pki.root, lists_only);
    EXPECT_EQ(pki.judge(list(signer, &pki.leaf), {signer.certificate}).reason, Reason::revoked);
    EXPECT_EQ(pki.judge(list(signer, nullptr), {signer.certificate}, RevocationPolicy::require).reason, Reason::valid);
    // The former key signs it a certificate (RFC 5280 3.2: self-issued), which is as good.
    const pki::Issued self_issued = below(pki.former, lists_only);
    EXPECT_EQ(pki.judge(list(self_issued, &pki.leaf), {self_issued.certificate}).reason, Reason::revoked);
    lists_only.key_usages = {"digitalSignature"};
    const pki::Issued other = below(pki.root, lists_only);
    EXPECT_EQ(pki.judge(list(other, nullptr), {other.certificate}).reason, Reason::crl_invalid);
}

TEST(ListSigner, AListOfAnotherAnchorsNamesakeDoesNotCount)
{
    const Rollover pki;
    const pki::Issued stranger = must(pki::self_signed(pki::Spec::authority("stranger"), now));
    const pki::Issued namesake = below(stranger, issuing());
    const std::vector<Certificate> known{stranger.certificate, namesake.certificate};
    EXPECT_EQ(pki.judge(list(namesake, &pki.leaf), {}, RevocationPolicy::if_present, known).reason, Reason::valid);
    EXPECT_EQ(pki.judge(list(namesake, nullptr), {}, RevocationPolicy::require, known).reason, Reason::crl_missing);
    EXPECT_EQ(
        pki.judge(
               joined(list(namesake, nullptr), list(pki.former, nullptr)), {}, RevocationPolicy::require,
               {stranger.certificate, namesake.certificate, pki.former.certificate})
            .reason,
        Reason::valid);
    // Shown by the peer only: he cannot make a list somebody else's.
    EXPECT_EQ(
        pki.judge(list(namesake, nullptr), {namesake.certificate}, RevocationPolicy::if_present, {stranger.certificate}).reason,
        Reason::crl_invalid);
}

TEST(ListSigner, ASignerThatIsRevokedOrHasNoPathIsNone)
{
    const Rollover pki;
    const std::vector<Certificate> shown{pki.next.certificate};
    EXPECT_EQ(pki.judge(joined(list(pki.root, nullptr), list(pki.next, nullptr)), shown).reason, Reason::valid);
    EXPECT_EQ(pki.judge(joined(list(pki.root, &pki.next), list(pki.next, nullptr)), shown).reason, Reason::crl_invalid);
    pki::Spec old = issuing();
    old.not_before = std::chrono::hours{-3};
    old.not_after = std::chrono::hours{-2};
    const pki::Issued expired = below(pki.root, old);
    EXPECT_EQ(pki.judge(list(expired, nullptr), {expired.certificate}).reason, Reason::crl_invalid);
    const pki::Issued forged = must(pki::self_signed(issuing(), now));
    EXPECT_EQ(pki.judge(list(forged, nullptr), {forged.certificate}).reason, Reason::crl_invalid);
}
