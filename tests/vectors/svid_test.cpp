#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vectors/svid_cases.h"

// X.509-SVID validation by example: certificates issued here, judged by verify_svid, compared by code.

namespace
{

using namespace chmtls;
using namespace chmtls::test;
using namespace chmtls::test::svid;

World & world()
{
    static World shared;
    return shared;
}

const Bytes garbage{'n', 'o', 't', ' ', 'D', 'E', 'R'};

Bytes der_of(const openssl::Certificate & certificate)
{
    return {certificate.der().begin(), certificate.der().end()};
}

Bytes leaf_der(const Case & one)
{
    if (one.leaf == Leaf::no_certificate)
        return garbage;
    if (one.leaf == Leaf::is_signer)
        return der_of(world().signer(one.issuer).certificate);
    pki::Spec spec = svid::leaf_spec(one.name);
    one.change(spec);
    Bytes der = must(pki::issue_der(spec, one.issuer.empty() ? nullptr : &world().signer(one.issuer), one.at));
    if (one.leaf == Leaf::last_bit_flipped)
        der.back() ^= 1;
    return der;
}

std::vector<Bytes> chain_of(const Case & one)
{
    std::vector<Bytes> chain{leaf_der(one)};
    for (const std::string & name : one.sent)
        chain.push_back(name == "garbage" ? garbage : der_of(world().signer(name).certificate));
    return chain;
}

std::vector<trust::Crl> lists_of(const Case & one, const Bytes & leaf)
{
    if (one.list == List::none)
        return {};
    pki::CrlSpec spec;
    if (one.list == List::names_leaf || one.list == List::of_other_root)
        spec.revoked.push_back({.serial_hex = must(openssl::Certificate::from_der(leaf)).facts().serial_hex});
    if (one.list == List::names_signer)
        spec.revoked.push_back({.serial_hex = world().signer("int-1").certificate.facts().serial_hex});
    if (one.list == List::expired)
    {
        spec.this_update = std::chrono::hours{-2};
        spec.next_update = std::chrono::hours{-1};
    }
    const std::string issuer = one.list == List::of_other_root ? "root-a2" : "root-a";
    return must(trust::Crl::parse(must(pki::issue_crl(spec, world().signer(issuer), one.at)), "test.crl"));
}

std::shared_ptr<const spiffe::BundleSet> bundles_of(const Case & one, const Bytes & leaf)
{
    std::vector<spiffe::Bundle> bundles;
    if (one.bundles.empty())
        bundles = {world().bundle("example.org", {"root-a"}), world().bundle("federated.test", {"root-f"})};
    for (const BundleOf & bundle : one.bundles)
        bundles.push_back(world().bundle(bundle.trust_domain, bundle.signers));
    std::map<std::string, spiffe::BundleSet::Revocation> lists;
    if (auto found = lists_of(one, leaf); !found.empty())
        lists["example.org"].lists = std::move(found);
    return must(spiffe::BundleSet::create(std::move(bundles), std::move(lists)));
}

/// As a caller goes about it: every certificate is parsed before any is judged.
spiffe::SvidVerdict judge(const Case & one)
{
    const std::vector<Bytes> chain = chain_of(one);
    std::vector<openssl::Certificate> parsed;
    for (const Bytes & der : chain)
    {
        auto certificate = openssl::Certificate::from_der(der);
        if (!certificate)
        {
            spiffe::SvidVerdict verdict;
            verdict.path.reason = openssl::reason_of(certificate.error());
            verdict.path.message = certificate.error().reason;
            return verdict;
        }
        parsed.push_back(std::move(*certificate));
    }
    const auto bundles = bundles_of(one, chain.front());
    return spiffe::verify_svid(*bundles, parsed.front(), std::span(parsed).subspan(1), one.at);
}

class SvidVectors : public testing::TestWithParam<Case>
{
};

std::string name_of(const testing::TestParamInfo<Case> & info)
{
    return info.param.name;
}

}

namespace chmtls::test::svid
{

static void PrintTo(const Case & one, std::ostream * out)
{
    *out << one.name << " -> " << one.code;
}

}

TEST_P(SvidVectors, HasItsCode)
{
    const Case & one = GetParam();
    const spiffe::SvidVerdict verdict = judge(one);
    EXPECT_EQ(code(verdict.path.reason), one.code) << verdict.path.message;
    EXPECT_EQ(verdict.accepted(), one.code == "VALID");
    EXPECT_EQ(verdict.id.has_value(), one.code == "VALID");
    if (verdict.accepted())
    {
        EXPECT_GE(verdict.path.path.size(), 2u);
        EXPECT_GE(verdict.path.valid_until, one.at);
    }
    else
    {
        EXPECT_THAT(verdict.path.message, testing::Not(testing::IsEmpty()));
        EXPECT_TRUE(verdict.path.path.empty());
    }
}

INSTANTIATE_TEST_SUITE_P(Accepted, SvidVectors, testing::ValuesIn(accepted_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Refused, SvidVectors, testing::ValuesIn(refused_cases()), name_of);
