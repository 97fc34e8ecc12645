// Delta lists, lists for some reasons, indirect lists (RFC 5280 5.2.4, 5.2.5, 5.3.3, 6.3.3). Each refusal has its accepted twin.

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

using Lists = std::vector<Crl>;

Lists joined(std::initializer_list<Lists> parts)
{
    Lists all;
    for (const Lists & part : parts)
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

GENERAL_NAMES * directory(const X509_NAME * name)
{
    GENERAL_NAMES * names = GENERAL_NAMES_new();
    GENERAL_NAME * entry = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(entry, GEN_DIRNAME, X509_NAME_dup(name));
    sk_GENERAL_NAME_push(names, entry);
    return names;
}

ASN1_BIT_STRING * flags(std::initializer_list<int> bits)
{
    ASN1_BIT_STRING * out = ASN1_BIT_STRING_new();
    for (const int bit : bits)
        ASN1_BIT_STRING_set_bit(out, bit, 1);
    return out;
}

/// cRLDistributionPoints of one point: its cRLIssuer and its reasons, where they are given.
pki::RawExtension point(const X509_NAME * crl_issuer, std::initializer_list<int> reasons)
{
    CRL_DIST_POINTS * points = CRL_DIST_POINTS_new();
    DIST_POINT * one = DIST_POINT_new();
    if (crl_issuer != nullptr)
        one->CRLissuer = directory(crl_issuer);
    if (reasons.size() > 0)
        one->reasons = flags(reasons);
    one->distpoint = DIST_POINT_NAME_new();
    one->distpoint->type = 0;
    one->distpoint->name.fullname = GENERAL_NAMES_new();
    GENERAL_NAME * uri = GENERAL_NAME_new();
    ASN1_IA5STRING * text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, "http://crl.test/a", -1);
    GENERAL_NAME_set0_value(uri, GEN_URI, text);
    sk_GENERAL_NAME_push(one->distpoint->name.fullname, uri);
    sk_DIST_POINT_push(points, one);
    unsigned char * out = nullptr;
    const int length = i2d_CRL_DIST_POINTS(points, &out);
    pki::RawExtension extension{"2.5.29.31", false, Bytes(out, out + length)};
    OPENSSL_free(out);
    CRL_DIST_POINTS_free(points);
    return extension;
}

Lists list(
    const pki::Issued & issuer, const pki::CrlSpec & spec, const CrlChange & change = [](X509_CRL *) {})
{
    return must(Crl::parse(changed_crl(issuer, spec, now, change), "list.crl"));
}

CrlChange for_reasons(std::initializer_list<int> bits)
{
    return distribution_point(
        [bits = std::vector<int>(bits)](ISSUING_DIST_POINT & point)
        {
            point.onlysomereasons = ASN1_BIT_STRING_new();
            for (const int bit : bits)
                ASN1_BIT_STRING_set_bit(point.onlysomereasons, bit, 1);
        });
}

/// The first entry: of this issuer, or taken off hold.
CrlChange entry_of(const X509_NAME * issuer)
{
    return [=](X509_CRL * crl)
    {
        distribution_point([](ISSUING_DIST_POINT & point) { point.indirectCRL = 0xff; })(crl);
        if (sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) <= 0)
            return;
        GENERAL_NAMES * names = directory(issuer);
        X509_REVOKED_add1_ext_i2d(
            sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0), NID_certificate_issuer, names, 1, X509V3_ADD_DEFAULT);
        GENERAL_NAMES_free(names);
    };
}

void take_off_hold(X509_CRL * crl)
{
    ASN1_ENUMERATED * reason = ASN1_ENUMERATED_new();
    ASN1_ENUMERATED_set(reason, CRL_REASON_REMOVE_FROM_CRL);
    X509_REVOKED_add1_ext_i2d(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0), NID_crl_reason, reason, 0, X509V3_ADD_DEFAULT);
    ASN1_ENUMERATED_free(reason);
}

struct World
{
    pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    pki::Issued lister = must(pki::issue(pki::Spec::authority("lister"), root, now));
    pki::Issued plain = leaf({});
    pki::Issued pointing = leaf({point(name_of(lister), {})});

    static const X509_NAME * name_of(const pki::Issued & issued) { return X509_get_subject_name(issued.certificate.x509()); }
    [[nodiscard]] pki::Issued leaf(std::vector<pki::RawExtension> extra) const
    {
        pki::Spec spec = leaf_spec("alice");
        spec.extra = std::move(extra);
        return must(pki::issue(spec, root, now));
    }

    [[nodiscard]] trust::PathVerdict
    judge(const pki::Issued & leaf, const Lists & lists, bool require = true, bool shown = true) const
    {
        TrustStore::Options options;
        options.revocation.general.policy = require ? RevocationPolicy::require : RevocationPolicy::if_present;
        const auto store = must(TrustStore::create({root.certificate}, lists, std::move(options)));
        std::vector<Certificate> sent;
        if (shown)
            sent.push_back(lister.certificate);
        return store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = now});
    }
};

std::vector<pki::RevokedEntry> of(const pki::Issued & issued)
{
    return {{.serial_hex = issued.certificate.facts().serial_hex}};
}

}

TEST(CrlDelta, BringsItsCompleteListUpToDate)
{
    const World world;
    const auto complete = [&](uint64_t number, bool revoking)
    {
        return list(world.root, {.revoked = revoking ? of(world.plain) : std::vector<pki::RevokedEntry>{}, .number = number});
    };
    const pki::CrlSpec delta{.revoked = of(world.plain), .number = 12, .delta_base = 10};
    const auto adding = list(world.root, delta);
    const auto removing = list(world.root, delta, take_off_hold);
    const auto silent = list(world.root, {.number = 12, .delta_base = 10});
    const auto reason = [&](const Lists & lists, bool require = true)
    {
        return world.judge(world.plain, lists, require).reason;
    };
    EXPECT_EQ(reason(joined({complete(10, false), adding})), Reason::revoked);
    EXPECT_EQ(reason(joined({complete(10, false), silent})), Reason::valid);
    EXPECT_EQ(reason(joined({complete(11, true), silent})), Reason::revoked);
    EXPECT_EQ(reason(joined({complete(11, true), removing})), Reason::valid);
    EXPECT_EQ(reason(joined({complete(9, true), removing})), Reason::revoked) << "it starts behind this list";
    EXPECT_EQ(reason(joined({complete(9, false), adding})), Reason::revoked) << "whom it lists is listed";
    EXPECT_EQ(reason(adding, false), Reason::revoked);
    EXPECT_EQ(reason(silent, true), Reason::crl_missing) << "alone it is no list";
    EXPECT_EQ(reason(silent, false), Reason::valid);

    // A later complete list has it all.
    pki::CrlSpec later{.this_update = std::chrono::seconds{-30}, .number = 13};
    EXPECT_EQ(reason(joined({list(world.root, later), adding})), Reason::valid);
}

TEST(CrlDelta, OfAnotherKeyOrScopeUpdatesNothing)
{
    const World world;
    const auto complete = list(world.root, {.revoked = of(world.plain), .number = 10});
    const pki::CrlSpec delta{.revoked = of(world.plain), .number = 12, .delta_base = 10};
    const auto of_users = [](X509_CRL * crl)
    {
        distribution_point([](ISSUING_DIST_POINT & point) { point.onlyuser = 0xff; })(crl);
        take_off_hold(crl);
    };
    EXPECT_EQ(world.judge(world.plain, joined({complete, list(world.root, delta, take_off_hold)})).reason, Reason::valid);
    EXPECT_EQ(world.judge(world.plain, joined({complete, list(world.root, delta, of_users)})).reason, Reason::revoked);
}

TEST(CrlDelta, KeepsItsCompleteListFresh)
{
    const World world;
    const pki::CrlSpec old{.this_update = std::chrono::hours{-9}, .next_update = std::chrono::hours{-1}, .number = 10};
    const auto complete = list(world.root, old);
    EXPECT_EQ(world.judge(world.plain, complete).reason, Reason::crl_expired);
    EXPECT_EQ(
        world.judge(world.plain, joined({complete, list(world.root, {.number = 12, .delta_base = 10})})).reason, Reason::valid);
    EXPECT_EQ(
        world.judge(world.plain, joined({complete, list(world.root, {.number = 12, .delta_base = 11})})).reason,
        Reason::crl_expired);
}

TEST(CrlReasons, TogetherTheListsHaveToCoverAll)
{
    const World world;
    const auto some = [&](std::initializer_list<int> bits, bool revoking = false)
    {
        pki::CrlSpec spec;
        if (revoking)
            spec.revoked = of(world.plain);
        return list(world.root, spec, for_reasons(bits));
    };
    const auto first = some({1, 2, 3});
    const auto rest = some({4, 5, 6, 7, 8});
    EXPECT_EQ(world.judge(world.plain, joined({first, rest})).reason, Reason::valid);
    const auto half = world.judge(world.plain, first);
    EXPECT_EQ(half.reason, Reason::crl_missing);
    EXPECT_THAT(half.message, HasSubstr("for all reasons"));
    EXPECT_EQ(world.judge(world.plain, first, false).reason, Reason::valid);
    EXPECT_EQ(world.judge(world.plain, joined({first, some({4, 5, 6, 7, 8}, true)})).reason, Reason::revoked);
    EXPECT_EQ(world.judge(world.plain, some({1}, true), false).reason, Reason::revoked);
}

TEST(CrlReasons, OfAPointNarrowItsList)
{
    const World world;
    const auto at_point = distribution_point(
        [](ISSUING_DIST_POINT & issuing)
        {
            issuing.distpoint = DIST_POINT_NAME_new();
            issuing.distpoint->type = 0;
            issuing.distpoint->name.fullname = GENERAL_NAMES_new();
            GENERAL_NAME * uri = GENERAL_NAME_new();
            ASN1_IA5STRING * text = ASN1_IA5STRING_new();
            ASN1_STRING_set(text, "http://crl.test/a", -1);
            GENERAL_NAME_set0_value(uri, GEN_URI, text);
            sk_GENERAL_NAME_push(issuing.distpoint->name.fullname, uri);
        });
    const auto lists = list(world.root, {}, at_point);
    EXPECT_EQ(world.judge(world.leaf({point(nullptr, {})}), lists).reason, Reason::valid);
    EXPECT_EQ(world.judge(world.leaf({point(nullptr, {1, 2})}), lists).reason, Reason::crl_missing);
    EXPECT_EQ(world.judge(world.leaf({point(nullptr, {1, 2})}), joined({lists, list(world.root, {})})).reason, Reason::valid);
    // The point says that somebody else lists it.
    EXPECT_EQ(world.judge(world.leaf({point(World::name_of(world.lister), {})}), lists).reason, Reason::crl_missing);
}

TEST(CrlIndirect, ListsWhatOthersHaveIssued)
{
    const World world;
    const X509_NAME * root = World::name_of(world.root);
    const auto listing = [&](const pki::Issued & leaf, const X509_NAME * issuer)
    {
        return list(world.lister, {.revoked = of(leaf)}, entry_of(issuer));
    };
    const auto silent = list(world.lister, {}, entry_of(root));
    EXPECT_EQ(world.judge(world.pointing, silent).reason, Reason::valid);
    EXPECT_EQ(world.judge(world.pointing, listing(world.pointing, root)).reason, Reason::revoked);
    EXPECT_EQ(world.judge(world.pointing, listing(world.pointing, World::name_of(world.lister))).reason, Reason::valid)
        << "the same serial number of another issuer";
    EXPECT_EQ(world.judge(world.plain, silent).reason, Reason::crl_missing) << "its points do not name who lists it";
    EXPECT_EQ(world.judge(world.plain, listing(world.plain, root), false).reason, Reason::valid);
    // A list of the named issuer that is not indirect speaks of that one's own certificates.
    EXPECT_EQ(world.judge(world.pointing, list(world.lister, {})).reason, Reason::crl_missing);
    EXPECT_EQ(world.judge(world.pointing, silent, true, false).reason, Reason::crl_invalid) << "nobody knows who has signed it";
}
