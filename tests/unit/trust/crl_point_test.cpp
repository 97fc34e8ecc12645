// Lists of distribution points: whose list they are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "changed_crl.h"
#include "trust/path.h"

using namespace chmtls;
using namespace chmtls::test;
using testing::HasSubstr;
using trust::Crl;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

/// URIs, or one "CN=…", which is relative to the issuer.
DIST_POINT_NAME * point_name(const std::vector<std::string> & names)
{
    DIST_POINT_NAME * point = DIST_POINT_NAME_new();
    if (names.front().starts_with("CN="))
    {
        const openssl::X509NamePtr name(X509_NAME_new());
        const auto * text = reinterpret_cast<const unsigned char *>(names.front().c_str() + 3);
        X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_UTF8, text, -1, -1, 0);
        point->type = 1;
        point->name.relativename = sk_X509_NAME_ENTRY_new_null();
        sk_X509_NAME_ENTRY_push(point->name.relativename, X509_NAME_ENTRY_dup(X509_NAME_get_entry(name.get(), 0)));
        return point;
    }
    point->type = 0;
    point->name.fullname = GENERAL_NAMES_new();
    for (const std::string & uri : names)
    {
        GENERAL_NAME * name = GENERAL_NAME_new();
        ASN1_IA5STRING * text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, uri.c_str(), -1);
        GENERAL_NAME_set0_value(name, GEN_URI, text);
        sk_GENERAL_NAME_push(point->name.fullname, name);
    }
    return point;
}

/// cRLDistributionPoints.
Bytes points_of(const std::vector<std::vector<std::string>> & points)
{
    CRL_DIST_POINTS * all = CRL_DIST_POINTS_new();
    for (const auto & names : points)
    {
        DIST_POINT * point = DIST_POINT_new();
        point->distpoint = point_name(names);
        sk_DIST_POINT_push(all, point);
    }
    unsigned char * out = nullptr;
    const int length = i2d_CRL_DIST_POINTS(all, &out);
    Bytes bytes(out, out + length);
    OPENSSL_free(out);
    CRL_DIST_POINTS_free(all);
    return bytes;
}

/// No names: no issuing distribution point.
std::vector<Crl> list_of_point(const pki::Issued & issuer, const pki::CrlSpec & spec, const std::vector<std::string> & names)
{
    if (names.empty())
        return must(Crl::parse(must(pki::issue_crl(spec, issuer, now)), "list.crl"));
    const auto named = distribution_point([&](ISSUING_DIST_POINT & point) { point.distpoint = point_name(names); });
    return must(Crl::parse(changed_crl(issuer, spec, now, named), "list.crl"));
}

struct PointCase
{
    std::string name;
    std::vector<std::vector<std::string>> certificate; ///< the points that it names, each with its names
    std::vector<std::string> list;                     ///< the names of its point
    bool of_its_point;
};

void PrintTo(const PointCase & c, std::ostream * out)
{
    *out << c.name;
}

class CrlPoint : public testing::TestWithParam<PointCase>
{
};

/// A shard is no list of another shard's certificates, but what it lists is revoked.
TEST_P(CrlPoint, IsCompared)
{
    const PointCase & c = GetParam();
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    pki::Spec spec = leaf_spec("bob");
    if (!c.certificate.empty())
        spec.extra.push_back({"2.5.29.31", false, points_of(c.certificate)});
    const pki::Issued leaf = must(pki::issue(spec, root, now));
    using Policy = trust::RevocationPolicy;
    const auto judge = [&](const pki::CrlSpec & list, Policy policy)
    {
        TrustStore::Options options;
        options.revocation.general.policy = policy;
        const auto store = must(TrustStore::create({root.certificate}, list_of_point(root, list, c.list), options));
        return store->verify({.leaf = leaf.certificate, .intermediates = {}, .at = now});
    };
    const auto required = judge({}, Policy::require);
    EXPECT_EQ(required.reason, c.of_its_point ? Reason::valid : Reason::crl_missing) << required.message;
    EXPECT_EQ(judge({}, Policy::if_present).reason, Reason::valid);
    const pki::CrlSpec revoking{.revoked = {{.serial_hex = leaf.certificate.facts().serial_hex}}};
    EXPECT_EQ(judge(revoking, Policy::require).reason, Reason::revoked);
    EXPECT_EQ(judge(revoking, Policy::if_present).reason, Reason::revoked);
    const pki::CrlSpec old{.this_update = std::chrono::hours{-2}, .next_update = std::chrono::hours{-1}};
    EXPECT_EQ(judge(old, Policy::if_present).reason, c.of_its_point ? Reason::crl_expired : Reason::valid);
}

INSTANTIATE_TEST_SUITE_P(
    Of, CrlPoint,
    testing::Values(
        PointCase{"TheSame", {{"http://crl.test/a"}}, {"http://crl.test/a"}, true},
        PointCase{"Another", {{"http://crl.test/b"}}, {"http://crl.test/a"}, false},
        PointCase{"CaseCounts", {{"http://crl.test/A"}}, {"http://crl.test/a"}, false},
        PointCase{
            "OneOfSeveral", {{"http://crl.test/b"}, {"ldap://crl.test/x", "http://crl.test/a"}}, {"http://crl.test/a"}, true},
        PointCase{"OneOfTheLists", {{"http://crl.test/a"}}, {"http://crl.test/b", "http://crl.test/a"}, true},
        PointCase{"NoneInTheCertificate", {}, {"http://crl.test/a"}, false},
        PointCase{"NoneInTheList", {{"http://crl.test/a"}}, {}, true}, PointCase{"NoneInEither", {}, {}, true},
        PointCase{"RelativeInBoth", {{"CN=shard a"}}, {"CN=shard a"}, true},
        PointCase{"AnotherRelative", {{"CN=shard b"}}, {"CN=shard a"}, false},
        PointCase{"RelativeInOne", {{"http://crl.test/a"}}, {"CN=shard a"}, false}),
    [](const auto & test) { return test.param.name; });

TEST(CrlPointMessage, SaysThatTheListsAreOfOtherPoints)
{
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    const pki::Issued leaf = must(pki::issue(leaf_spec("bob"), root, now));
    TrustStore::Options options;
    options.revocation.general.policy = trust::RevocationPolicy::require;
    const auto store
        = must(TrustStore::create({root.certificate}, list_of_point(root, {}, {"http://crl.test/a"}), std::move(options)));
    const auto verdict = store->verify({.leaf = leaf.certificate, .intermediates = {}, .at = now});
    EXPECT_THAT(verdict.message, HasSubstr("no CRL of CN=root for its distribution point"));
}

}
