#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spiffe/svid.h"
#include "support/issue.h"

// What the table of SVID cases does not show: messages, depth, what a bundle is for.

using namespace chmtls;
using namespace chmtls::test;
using testing::HasSubstr;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

pki::Issued authority(const std::string & name)
{
    return must(pki::self_signed(pki::Spec::authority(name), now));
}

pki::Issued svid(const pki::Issued & issuer, const std::string & id = "spiffe://example.org/w")
{
    return must(pki::issue(leaf_spec("w", {uri(id)}), issuer, now));
}

spiffe::Bundle bundle(const std::string & trust_domain, std::vector<openssl::Certificate> authorities)
{
    spiffe::Bundle out;
    out.trust_domain = trust_domain;
    out.authorities = std::move(authorities);
    return out;
}

std::shared_ptr<const spiffe::BundleSet> bundles(std::vector<spiffe::Bundle> all)
{
    return must(spiffe::BundleSet::create(std::move(all)));
}

}

TEST(Svid, AcceptedGivesItsId)
{
    const pki::Issued root = authority("root");
    const auto set = bundles({bundle("example.org", {root.certificate})});
    const auto verdict = spiffe::verify_svid(*set, svid(root).certificate, {}, now);
    ASSERT_TRUE(verdict.accepted()) << verdict.path.message;
    EXPECT_EQ(verdict.id->text(), "spiffe://example.org/w");
    EXPECT_EQ(verdict.path.path.size(), 2u);
}

TEST(Svid, ForeignAuthorityIsNamed)
{
    const pki::Issued home = authority("home");
    const pki::Issued foreign = authority("foreign");
    const auto set = bundles({bundle("example.org", {home.certificate}), bundle("federated.test", {foreign.certificate})});
    const auto verdict = spiffe::verify_svid(*set, svid(foreign).certificate, {}, now);
    EXPECT_EQ(verdict.path.reason, Reason::trust_domain_binding);
    EXPECT_THAT(verdict.path.message, HasSubstr("federated.test"));
    EXPECT_THAT(verdict.path.message, HasSubstr("spiffe://example.org/w"));
    EXPECT_FALSE(verdict.id);
}

TEST(Svid, OneAuthorityInTwoBundlesStillNeedsTheRightTrustDomain)
{
    const pki::Issued shared = authority("shared");
    const auto set = bundles({bundle("a.test", {shared.certificate}), bundle("b.test", {shared.certificate})});
    EXPECT_TRUE(spiffe::verify_svid(*set, svid(shared, "spiffe://a.test/w").certificate, {}, now).accepted());
    EXPECT_EQ(
        spiffe::verify_svid(*set, svid(shared, "spiffe://c.test/w").certificate, {}, now).path.reason,
        Reason::trust_domain_no_bundle);
}

TEST(Svid, ALeafInTheBundleIsNoAuthorityForItself)
{
    const pki::Issued root = authority("root");
    const pki::Issued own = must(pki::self_signed(leaf_spec("w", {uri("spiffe://example.org/w")}), now));
    const auto set = bundles({bundle("example.org", {root.certificate, own.certificate})});
    EXPECT_EQ(spiffe::verify_svid(*set, own.certificate, {}, now).path.reason, Reason::unknown_ca);
    EXPECT_TRUE(spiffe::verify_svid(*set, svid(root).certificate, {}, now).accepted());
}

TEST(Svid, AnAuthorityOfTheBundleIsACertificateAuthority)
{
    pki::Spec spec = pki::Spec::authority("root");
    for (const bool is_authority : {true, false})
    {
        spec.basic_constraints = is_authority; // OpenSSL takes the key usage for it
        const pki::Issued root = must(pki::self_signed(spec, now));
        const auto set = bundles({bundle("example.org", {root.certificate})});
        const auto verdict = spiffe::verify_svid(*set, svid(root).certificate, {}, now);
        EXPECT_EQ(verdict.path.reason, is_authority ? Reason::valid : Reason::signer_ca) << verdict.path.message;
        EXPECT_EQ(verdict.id.has_value(), is_authority);
    }
}

TEST(Svid, SaysWhatIsWrongWithAKeyUsage)
{
    const pki::Issued root = authority("root");
    const auto set = bundles({bundle("example.org", {root.certificate})});
    const auto message = [&](void (*change)(pki::Spec & spec))
    {
        pki::Spec spec = leaf_spec("w", {uri("spiffe://example.org/w")});
        change(spec);
        return spiffe::verify_svid(*set, must(pki::issue(spec, root, now)).certificate, {}, now).path.message;
    };
    EXPECT_EQ(message([](pki::Spec &) {}), "");
    EXPECT_THAT(message([](pki::Spec & spec) { spec.key_usage = false; }), HasSubstr("has no key usage"));
    EXPECT_THAT(message([](pki::Spec & spec) { spec.key_usage_critical = false; }), HasSubstr("not critical"));
    EXPECT_THAT(message([](pki::Spec & spec) { spec.key_usages = {"keyAgreement"}; }), HasSubstr("lacks digitalSignature"));
    EXPECT_THAT(message([](pki::Spec & spec) { spec.key_usages.emplace_back("cRLSign"); }), HasSubstr("signing"));
}

TEST(Svid, DepthBoundsTheSignersBetween)
{
    const pki::Issued root = authority("root");
    const pki::Issued signer = must(pki::issue(pki::Spec::authority("signer"), root, now));
    const auto set = bundles({bundle("example.org", {root.certificate})});
    const std::vector<openssl::Certificate> sent{signer.certificate};
    EXPECT_TRUE(spiffe::verify_svid(*set, svid(signer).certificate, sent, now, 1).accepted());
    EXPECT_EQ(spiffe::verify_svid(*set, svid(signer).certificate, sent, now, 0).path.reason, Reason::depth);
}

TEST(Svid, ClaimsSpiffeInAnyCase)
{
    const pki::Issued root = authority("root");
    const auto claims = [&](std::vector<pki::AltName> names)
    {
        return spiffe::claims_spiffe(must(pki::issue(leaf_spec("w", std::move(names)), root, now)).certificate.facts());
    };
    EXPECT_TRUE(claims({uri("spiffe://example.org/w")}));
    EXPECT_TRUE(claims({uri("SPIFFE://example.org/w")}));
    EXPECT_TRUE(claims({uri("spiffe:")}));
    EXPECT_TRUE(claims({uri("https://example.org"), uri("Spiffe:x")}));
    EXPECT_FALSE(claims({uri("https://example.org")}));
    EXPECT_FALSE(claims({uri("spiff")}));
    EXPECT_FALSE(claims({uri("spiffe\x1a")}));
    EXPECT_FALSE(claims({dns("spiffe.example.org")}));
    EXPECT_FALSE(claims({}));
}
