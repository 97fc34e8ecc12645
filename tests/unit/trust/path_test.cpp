#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <openssl/err.h>

#include "support/issue.h"
#include "trust/path.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using testing::HasSubstr;
using trust::Purpose;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

using StorePtr = std::shared_ptr<const TrustStore>;

StorePtr store_of(std::vector<Certificate> anchors, TrustStore::Options options = {})
{
    return must(TrustStore::create(std::move(anchors), {}, std::move(options)));
}

struct Asked
{
    Purpose purpose = Purpose::any;
    size_t depth = 9;
    UnixTime at = now;
};

trust::PathVerdict verify(const StorePtr & store, const Certificate & leaf, std::vector<Certificate> sent = {}, Asked asked = {})
{
    return store->verify({.leaf = leaf, .intermediates = sent, .purpose = asked.purpose, .depth = asked.depth, .at = asked.at});
}

pki::Issued root_of(const std::string & name = "root")
{
    return must(pki::self_signed(pki::Spec::authority(name), now));
}

pki::Issued below(const pki::Issued & issuer, const pki::Spec & spec)
{
    return must(pki::issue(spec, issuer, now));
}

pki::Spec bare(pki::Spec spec)
{
    spec.subject_key_identifier = false;
    spec.authority_key_identifier = false;
    return spec;
}

/// n signing certificates below root, the lowest first, and the leaf below them.
struct Chain
{
    Certificate leaf;
    std::vector<Certificate> sent;
};

Chain chain_of_length(const pki::Issued & root, size_t signers)
{
    std::vector<Certificate> sent;
    pki::Issued issuer = root;
    for (size_t i = 0; i < signers; ++i)
    {
        issuer = below(issuer, pki::Spec::authority("signer " + std::to_string(i)));
        sent.insert(sent.begin(), issuer.certificate);
    }
    return {below(issuer, leaf_spec("leaf")).certificate, sent};
}

}

TEST(Path, GoodChainGivesItsPathAndEnd)
{
    const GoodPki pki = good_pki(leaf_spec("alice"), now);
    const auto verdict = verify(store_of({pki.root.certificate}), pki.leaf.certificate, {pki.intermediate.certificate});
    ASSERT_TRUE(verdict.accepted()) << verdict.message;
    EXPECT_THAT(verdict.path, testing::ElementsAre(pki.leaf.certificate, pki.intermediate.certificate, pki.root.certificate));
    EXPECT_EQ(verdict.valid_until, pki.leaf.certificate.facts().not_after);
    EXPECT_TRUE(verdict.message.empty());
}

TEST(Path, ValidUntilIsTheEarliestEndOfThePath)
{
    const pki::Issued root = root_of();
    pki::Spec short_lived = pki::Spec::authority("short");
    short_lived.not_after = std::chrono::hours{1};
    const pki::Issued signer = below(root, short_lived);
    const pki::Issued leaf = below(signer, leaf_spec("alice"));
    const auto verdict = verify(store_of({root.certificate}), leaf.certificate, {signer.certificate});
    ASSERT_TRUE(verdict.accepted());
    EXPECT_EQ(verdict.valid_until, now + std::chrono::hours{1});
}

TEST(Path, EmptyStoreBelievesNobody)
{
    const GoodPki pki = good_pki(leaf_spec("alice"), now);
    const StorePtr store = store_of({});
    EXPECT_TRUE(store->empty());
    EXPECT_EQ(
        verify(store, pki.leaf.certificate, {pki.intermediate.certificate, pki.root.certificate}).reason, Reason::unknown_ca);
}

TEST(Path, AnchorsCountOnce)
{
    const pki::Issued root = root_of();
    EXPECT_EQ(store_of({root.certificate, root.certificate})->anchors().size(), 1u);
}

TEST(Path, MessagesNameWhoWhatAndWhen)
{
    const pki::Issued root = root_of();
    const StorePtr store = store_of({root.certificate});
    pki::Spec spec = leaf_spec("alice");
    spec.not_after = std::chrono::hours{-1};
    spec.not_before = std::chrono::hours{-2};
    EXPECT_EQ(verify(store, below(root, spec).certificate).message, "certificate of CN=alice expired 2026-05-31T23:00:00Z");
    spec.not_before = std::chrono::hours{1};
    spec.not_after = std::chrono::hours{2};
    EXPECT_EQ(
        verify(store, below(root, spec).certificate).message, "certificate of CN=alice is not valid before 2026-06-01T01:00:00Z");

    const auto stranger = verify(store, below(root_of("stranger"), leaf_spec("alice")).certificate);
    EXPECT_EQ(stranger.reason, Reason::unknown_ca);
    EXPECT_EQ(
        stranger.message, "certificate of CN=alice was issued by CN=stranger, which is neither trusted nor among the "
                          "certificates sent");
    const auto namesake = verify(store, below(root_of("root"), leaf_spec("alice")).certificate);
    EXPECT_EQ(namesake.reason, Reason::unknown_ca);
    EXPECT_THAT(namesake.message, HasSubstr("an authority of that name is trusted, but with another key"));
    const auto self_signed = verify(store, must(pki::self_signed(leaf_spec("alice"), now)).certificate);
    EXPECT_EQ(self_signed.reason, Reason::self_signed);
    EXPECT_THAT(self_signed.message, HasSubstr("self-signed"));

    spec = leaf_spec("alice");
    spec.subject.clear();
    spec.alt_names = {uri("spiffe://example.org/w")};
    EXPECT_THAT(verify(store, below(root_of("stranger"), spec).certificate).message, HasSubstr("spiffe://example.org/w"));
}

TEST(Path, MessagesDoNotPassControlCharactersOn)
{
    const auto verdict = verify(store_of({root_of().certificate}), below(root_of("x\ny\x1b"), leaf_spec("a\nb")).certificate);
    EXPECT_THAT(verdict.message, testing::Not(HasSubstr("\n")));
    EXPECT_THAT(verdict.message, testing::Not(HasSubstr("\x1b")));
}

TEST(Path, FaultOfAnAuthorityHasItsDepth)
{
    const pki::Issued root = root_of();
    pki::Spec old = pki::Spec::authority("old");
    old.not_before = std::chrono::hours{-2};
    old.not_after = std::chrono::hours{-1};
    const pki::Issued signer = below(root, old);
    const auto verdict
        = verify(store_of({root.certificate}), below(signer, leaf_spec("alice")).certificate, {signer.certificate});
    EXPECT_EQ(verdict.reason, Reason::expired);
    EXPECT_EQ(verdict.depth, 1u);
    EXPECT_THAT(verdict.message, HasSubstr("authority CN=old expired"));
}

TEST(Path, LastSecondIsStillValid)
{
    const pki::Issued root = root_of();
    const pki::Issued leaf = below(root, leaf_spec("alice"));
    const UnixTime end = leaf.certificate.facts().not_after;
    const UnixTime start = leaf.certificate.facts().not_before;
    pki::Spec lasting = pki::Spec::authority("lasting");
    lasting.not_before = std::chrono::hours{-48};
    lasting.not_after = std::chrono::hours{48};
    const pki::Issued authority = must(pki::self_signed(lasting, now));
    const pki::Issued below_lasting = below(authority, leaf_spec("alice"));
    const StorePtr store = store_of({authority.certificate});
    const auto at = [&](UnixTime when)
    {
        return verify(store, below_lasting.certificate, {}, {.at = when}).reason;
    };
    EXPECT_EQ(at(end), Reason::valid);
    EXPECT_EQ(at(end + std::chrono::seconds{1}), Reason::expired);
    EXPECT_EQ(at(start), Reason::valid);
    EXPECT_EQ(at(start - std::chrono::seconds{1}), Reason::not_yet_valid);
}

TEST(Path, DepthCountsCertificatesBetweenLeafAndAnchor)
{
    const pki::Issued root = root_of();
    const StorePtr store = store_of({root.certificate});
    for (size_t signers = 0; signers < 4; ++signers)
    {
        const Chain chain = chain_of_length(root, signers);
        for (size_t depth = 0; depth < 5; ++depth)
        {
            SCOPED_TRACE(std::to_string(signers) + " signers, depth " + std::to_string(depth));
            const auto verdict = verify(store, chain.leaf, chain.sent, {.depth = depth});
            EXPECT_EQ(verdict.reason, signers <= depth ? Reason::valid : Reason::depth);

            // What OpenSSL itself says with the same number.
            const openssl::X509StorePtr plain(X509_STORE_new());
            X509_STORE_add_cert(plain.get(), root.certificate.x509());
            const openssl::CertificateList sent(sk_X509_new_null());
            for (const Certificate & certificate : chain.sent)
                sk_X509_push(sent.get(), certificate.x509());
            const openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
            X509_STORE_CTX_init(context.get(), plain.get(), chain.leaf.x509(), sent.get());
            X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
            X509_STORE_CTX_set_depth(context.get(), static_cast<int>(depth));
            EXPECT_EQ(X509_verify_cert(context.get()) == 1, verdict.accepted());
        }
    }
}

TEST(Path, PurposeIsThePeersSide)
{
    const pki::Issued root = root_of();
    const StorePtr store = store_of({root.certificate});
    const auto reason = [&](std::vector<std::string> usages, Purpose purpose)
    {
        pki::Spec spec = leaf_spec("peer");
        spec.extended_key_usage = !usages.empty();
        spec.extended_key_usages = std::move(usages);
        return verify(store, below(root, spec).certificate, {}, {.purpose = purpose}).reason;
    };
    EXPECT_EQ(reason({"clientAuth"}, Purpose::client_auth), Reason::valid);
    EXPECT_EQ(reason({"clientAuth"}, Purpose::server_auth), Reason::purpose);
    EXPECT_EQ(reason({"serverAuth"}, Purpose::server_auth), Reason::valid);
    EXPECT_EQ(reason({"serverAuth"}, Purpose::client_auth), Reason::purpose);
    EXPECT_EQ(reason({"codeSigning"}, Purpose::client_auth), Reason::purpose);
    EXPECT_EQ(reason({"codeSigning"}, Purpose::any), Reason::valid);
    EXPECT_EQ(reason({}, Purpose::client_auth), Reason::valid);
}

TEST(Path, PurposeNarrowsByAnIntermediateUnlessAny)
{
    const pki::Issued root = root_of();
    pki::Spec servers = pki::Spec::authority("servers only");
    servers.extended_key_usage = true;
    servers.extended_key_usages = {"serverAuth"};
    const pki::Issued signer = below(root, servers);
    const Certificate leaf = below(signer, leaf_spec("peer")).certificate;
    const StorePtr store = store_of({root.certificate});
    const auto reason = [&](Purpose purpose)
    {
        return verify(store, leaf, {signer.certificate}, {.purpose = purpose}).reason;
    };
    EXPECT_EQ(reason(Purpose::server_auth), Reason::valid);
    EXPECT_EQ(reason(Purpose::client_auth), Reason::purpose);
    EXPECT_EQ(reason(Purpose::any), Reason::valid);
}

TEST(Path, AnAuthorityThatIsNotSelfSignedEndsAPathOnlyWithPartialChain)
{
    const GoodPki pki = good_pki(leaf_spec("alice"), now);
    EXPECT_TRUE(verify(store_of({pki.intermediate.certificate}), pki.leaf.certificate).accepted());
    EXPECT_EQ(
        verify(store_of({pki.intermediate.certificate}, {.partial_chain = false}), pki.leaf.certificate).reason,
        Reason::unknown_ca);
    EXPECT_TRUE(
        verify(store_of({pki.intermediate.certificate, pki.root.certificate}, {.partial_chain = false}), pki.leaf.certificate)
            .accepted());
}

TEST(Path, WhatThePeerSendsIsNeverAnAnchor)
{
    const GoodPki pki = good_pki(leaf_spec("alice"), now);
    const StorePtr other = store_of({root_of("other").certificate});
    EXPECT_EQ(
        verify(other, pki.leaf.certificate, {pki.intermediate.certificate, pki.root.certificate}).reason, Reason::unknown_ca);
}

TEST(Path, EveryAuthorityOfOneNameIsTried)
{
    const pki::Issued first = must(pki::self_signed(bare(pki::Spec::authority("same")), now));
    const pki::Issued second = must(pki::self_signed(bare(pki::Spec::authority("same")), now));
    const pki::Issued third = must(pki::self_signed(bare(pki::Spec::authority("same")), now));
    const StorePtr store = store_of({first.certificate, second.certificate});
    EXPECT_TRUE(verify(store, below(first, bare(leaf_spec("alice"))).certificate).accepted());
    EXPECT_TRUE(verify(store, below(second, bare(leaf_spec("alice"))).certificate).accepted());
    const auto refused = verify(store, below(third, bare(leaf_spec("alice"))).certificate);
    EXPECT_EQ(refused.reason, Reason::signature);
}

TEST(Path, AnExpiredAuthorityDoesNotHideItsSuccessor)
{
    pki::Spec old = bare(pki::Spec::authority("same"));
    old.not_before = std::chrono::hours{-2};
    old.not_after = std::chrono::hours{-1};
    const pki::Issued expired = must(pki::self_signed(old, now));
    const pki::Issued renewed = must(pki::issue_for_key(bare(pki::Spec::authority("same")), expired.key, nullptr, now));
    const Certificate leaf = below(renewed, bare(leaf_spec("alice"))).certificate;
    EXPECT_TRUE(verify(store_of({expired.certificate, renewed.certificate}), leaf).accepted());
    EXPECT_EQ(verify(store_of({expired.certificate}), leaf).reason, Reason::expired);
}

TEST(Path, AnIntermediateMayShareItsAuthoritysName)
{
    const pki::Issued root = root_of("same");
    const pki::Issued signer = below(root, pki::Spec::authority("same"));
    for (const bool with_key_identifiers : {true, false})
    {
        const pki::Spec spec = with_key_identifiers ? leaf_spec("alice") : bare(leaf_spec("alice"));
        const Certificate leaf = below(signer, spec).certificate;
        EXPECT_TRUE(verify(store_of({root.certificate}), leaf, {signer.certificate}).accepted()) << with_key_identifiers;
        EXPECT_FALSE(verify(store_of({root.certificate}), leaf).accepted()) << with_key_identifiers;
    }
}

TEST(Path, LargeStoresFindTheirAuthority)
{
    std::vector<pki::Issued> roots;
    std::vector<Certificate> anchors;
    for (int i = 0; i < 40; ++i)
    {
        roots.push_back(root_of("root " + std::to_string(i)));
        anchors.push_back(roots.back().certificate);
    }
    const StorePtr store = store_of(anchors);
    for (const pki::Issued & root : roots)
    {
        const Chain chain = chain_of_length(root, 1);
        EXPECT_TRUE(verify(store, chain.leaf, chain.sent).accepted());
    }
    EXPECT_EQ(verify(store, below(root_of("root 41"), leaf_spec("alice")).certificate).reason, Reason::unknown_ca);
    // An anchor below another anchor, and no partial chain: both have to be found.
    const pki::Issued signer = below(roots[7], pki::Spec::authority("signer"));
    anchors.push_back(signer.certificate);
    EXPECT_TRUE(verify(store_of(anchors, {.partial_chain = false}), below(signer, leaf_spec("alice")).certificate).accepted());
    // A leaf that is trusted by itself.
    const pki::Issued pinned = must(pki::self_signed(leaf_spec("pinned"), now));
    anchors.push_back(pinned.certificate);
    EXPECT_TRUE(verify(store_of(anchors), pinned.certificate).accepted());
}

TEST(Path, WeakKeysAndDigestsAreRefused)
{
    const pki::Issued root = root_of();
    const StorePtr store = store_of({root.certificate});
    pki::Spec spec = leaf_spec("alice");
    spec.digest = "SHA1";
    EXPECT_EQ(verify(store, below(root, spec).certificate).reason, Reason::weak);
    spec.digest = "SHA256";
    EXPECT_TRUE(verify(store, below(root, spec).certificate).accepted());
}

// Nothing here looks at it but OpenSSL: RFC 5280 6.1.4 (k) and (n), wherever the signer stands and whatever the leaf is for. What
// is trusted without a key of its own above it is no intermediate.
TEST(Path, AnIntermediateMustBeAnAuthority)
{
    struct Case
    {
        const char * name;
        void (*change)(pki::Spec & spec);
        Reason reason;
    };
    const Case cases[] = {
        {"good", [](pki::Spec &) {}, Reason::valid},
        {"no CRLs", [](pki::Spec & spec) { spec.key_usages = {"keyCertSign"}; }, Reason::valid},
        {"no key usage", [](pki::Spec & spec) { spec.key_usage = false; }, Reason::valid},
        {"no basic constraints", [](pki::Spec & spec) { spec.basic_constraints = false; }, Reason::signer_ca},
        {"neither", [](pki::Spec & spec) { spec.basic_constraints = spec.key_usage = false; }, Reason::signer_ca},
        {"cA false", [](pki::Spec & spec) { spec.ca = false; }, Reason::signer_ca},
        {"CRLs only", [](pki::Spec & spec) { spec.key_usages = {"cRLSign"}; }, Reason::signer_key_usage},
    };
    const pki::Issued root = root_of();
    const pki::Issued good = below(root, pki::Spec::authority("good"));
    for (const Case & each : cases)
    {
        pki::Spec spec = pki::Spec::authority("signer");
        each.change(spec);
        const pki::Issued upper = below(root, spec);
        const pki::Issued between = below(upper, pki::Spec::authority("between"));
        const pki::Issued lower = below(good, spec);
        for (const Purpose purpose : {Purpose::any, Purpose::client_auth, Purpose::server_auth})
        {
            SCOPED_TRACE(testing::Message() << each.name << ", purpose " << static_cast<int>(purpose));
            const auto reason = [&](const StorePtr & store, const pki::Issued & issuer, std::vector<Certificate> sent)
            {
                const Certificate leaf = below(issuer, leaf_spec("alice")).certificate;
                return verify(store, leaf, std::move(sent), {.purpose = purpose}).reason;
            };
            const StorePtr store = store_of({root.certificate});
            EXPECT_EQ(reason(store, lower, {lower.certificate, good.certificate}), each.reason);
            EXPECT_EQ(reason(store, between, {between.certificate, upper.certificate}), each.reason);
            const StorePtr part = store_of({good.certificate}, {.partial_chain = true});
            EXPECT_EQ(reason(part, lower, {lower.certificate}), each.reason);
        }
    }
}

TEST(Path, LeavesNoErrorBehind)
{
    const auto verdict = verify(store_of({root_of().certificate}), below(root_of("other"), leaf_spec("alice")).certificate);
    EXPECT_FALSE(verdict.accepted());
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Path, ManyThreadsShareOneStore)
{
    const pki::Issued first = must(pki::self_signed(bare(pki::Spec::authority("same")), now));
    const pki::Issued second = must(pki::self_signed(bare(pki::Spec::authority("same")), now));
    const StorePtr store = must(TrustStore::create(
        {first.certificate, second.certificate}, must(trust::Crl::parse(must(pki::issue_crl({}, first, now)), "first.crl")), {}));
    const Certificate leaf = below(first, bare(leaf_spec("alice"))).certificate;
    std::atomic<int> accepted = 0;
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i)
        threads.emplace_back(
            [&]
            {
                for (int round = 0; round < 50; ++round)
                    accepted += verify(store, leaf).accepted() ? 1 : 0;
            });
    for (std::thread & thread : threads)
        thread.join();
    EXPECT_EQ(accepted, 200);
}
