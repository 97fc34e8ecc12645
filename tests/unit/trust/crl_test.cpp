#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/issue.h"
#include "trust/path.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using testing::HasSubstr;
using trust::Crl;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

using CrlChange = std::function<void(X509_CRL *)>;

/// A list signed again after `change`, for what CrlSpec cannot say.
Bytes changed_crl(const pki::Issued & issuer, const CrlChange & change)
{
    const Bytes der = must(pki::issue_crl({.revoked = {{.serial_hex = "2a"}}}, issuer, now));
    const uint8_t * at = der.data();
    const openssl::X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    change(crl.get());
    const openssl::EvpPkeyPtr key = must(issuer.key.open());
    X509_CRL_sign(crl.get(), key.get(), EVP_sha256());
    uint8_t * out = nullptr;
    const int length = i2d_X509_CRL(crl.get(), &out);
    Bytes bytes(out, out + length);
    OPENSSL_free(out);
    return bytes;
}

CrlChange distribution_point(const std::function<void(ISSUING_DIST_POINT &)> & change)
{
    return [=](X509_CRL * crl)
    {
        ISSUING_DIST_POINT * point = ISSUING_DIST_POINT_new();
        change(*point);
        X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, 1, X509V3_ADD_DEFAULT);
        ISSUING_DIST_POINT_free(point);
    };
}

CrlChange unknown_extension(int critical)
{
    return [=](X509_CRL * crl)
    {
        const openssl::Asn1OctetStringPtr data(ASN1_OCTET_STRING_new());
        ASN1_OCTET_STRING_set(data.get(), reinterpret_cast<const unsigned char *>("\x05\x00"), 2);
        ASN1_OBJECT * object = OBJ_txt2obj("1.3.6.1.4.1.55744.9", 1);
        const openssl::X509ExtensionPtr extension(X509_EXTENSION_create_by_OBJ(nullptr, object, critical, data.get()));
        ASN1_OBJECT_free(object);
        X509_CRL_add_ext(crl, extension.get(), -1);
    };
}

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

TEST(CrlParse, DerAndPem)
{
    const Pki pki;
    const Bytes der = must(pki::issue_crl(revoking(pki.leaf), pki.root, now));
    const auto one = parsed(der, "a.crl");
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].source(), "a.crl");
    EXPECT_EQ(one[0].issuer(), "CN=root");
    EXPECT_EQ(one[0].entries(), 1u);
    EXPECT_EQ(one[0].this_update(), now - std::chrono::seconds{60});
    EXPECT_EQ(one[0].next_update(), now + std::chrono::seconds{86400});
    const std::string pem = pki::certificate_pem(pki.root.certificate) + pki::crl_pem(der) + "text\n"
                            + pki::crl_pem(must(pki::issue_crl({}, pki.signer, now)));
    const auto two = must(Crl::parse(as_bytes(pem), "b.crl"));
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[1].issuer(), "CN=signer");
    EXPECT_EQ(two[1].entries(), 0u);
}

TEST(CrlParse, Refusals)
{
    const Pki pki;
    Bytes longer = must(pki::issue_crl({}, pki.root, now));
    longer.push_back(0);
    const std::string pem = pki::crl_pem(must(pki::issue_crl({}, pki.root, now)));
    std::string damaged = pem;
    damaged[40] = '*';
    const auto bytes = [](const std::string & text)
    {
        return Bytes(text.begin(), text.end());
    };
    struct Case
    {
        std::string name;
        Bytes bytes;
        std::string code;
    };
    const std::vector<Case> cases{
        {"empty", {}, "CRL"},
        {"no_list", bytes("hello"), "CRL"},
        {"byte_behind", longer, "CRL"},
        {"pem_of_something_else", bytes(pki::certificate_pem(pki.root.certificate)), "CRL"},
        {"pem_damaged", bytes(damaged), "CRL"},
        {"second_pem_damaged", bytes(pem + damaged), "CRL"},
        {"second_begin_line_damaged", bytes(pem + std::string(pem).replace(0, 10, "-----BEGIX")), "CRL"},
        {"second_begin_line_without_its_first_dash", bytes(pem + pem.substr(1)), "CRL"},
        {"second_begin_line_is_text", bytes(pem + std::string(pem).replace(0, 5, "xxxxx")), "CRL"},
        {"second_label_damaged", bytes(pem + std::string(pem).replace(11, 8, "X509 CRX")), "CRL"},
        {"cut_off_in_the_second_begin_line", bytes(pem + "-----BEG"), "CRL"},
        {"delta", must(pki::issue_crl({.number = 2, .delta_base = 1}, pki.root, now)), "CRL-DELTA"},
        {"indirect", changed_crl(pki.root, distribution_point([](auto & point) { point.indirectCRL = 0xff; })), "CRL-INDIRECT"},
        {"attribute_certificates", changed_crl(pki.root, distribution_point([](auto & point) { point.onlyattr = 0xff; })),
         "CRL-SCOPE"},
        {"some_reasons",
         changed_crl(
             pki.root, distribution_point(
                           [](auto & point)
                           {
                               point.onlysomereasons = ASN1_BIT_STRING_new();
                               ASN1_BIT_STRING_set_bit(point.onlysomereasons, 1, 1);
                           })),
         "CRL-SCOPE"},
        {"unknown_critical_extension", changed_crl(pki.root, unknown_extension(1)), "CRL-EXTENSION"},
        {"entry_of_another_issuer",
         changed_crl(
             pki.root,
             [](X509_CRL * crl)
             {
                 GENERAL_NAMES * names = sk_GENERAL_NAME_new_null();
                 GENERAL_NAME * name = GENERAL_NAME_new();
                 GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_new());
                 sk_GENERAL_NAME_push(names, name);
                 X509_REVOKED * entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
                 X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, X509V3_ADD_DEFAULT);
                 sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
             }),
         "CRL-INDIRECT"},
    };
    for (const Case & one : cases)
    {
        SCOPED_TRACE(one.name);
        const auto lists = Crl::parse(one.bytes, "list.crl");
        ASSERT_FALSE(lists.has_value());
        EXPECT_EQ(lists.error().code, one.code) << lists.error().describe();
        EXPECT_EQ(lists.error().file, "list.crl");
    }
    EXPECT_EQ(parsed(changed_crl(pki.root, unknown_extension(0))).size(), 1u);
    EXPECT_EQ(parsed(changed_crl(pki.root, distribution_point([](auto &) {}))).size(), 1u);
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
    EXPECT_EQ(at(-61).reason, Reason::crl_invalid) << "not valid yet";
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

TEST(CrlCheck, ScopeIsKept)
{
    const Pki pki;
    const auto scoped = [&](bool users)
    {
        return parsed(changed_crl(
            pki.root,
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

TEST(CrlCheck, AForgedListOfAnIntermediateRefusesItsLeaves)
{
    const Pki pki;
    Bytes der = must(pki::issue_crl({}, pki.signer, now));
    der.back() ^= 1;
    EXPECT_EQ(verify(pki, parsed(der), pki.leaf).reason, Reason::crl_invalid);
    EXPECT_TRUE(verify(pki, parsed(der), pki.direct).accepted());
    const pki::Issued renewed = must(pki::issue(pki::Spec::authority("signer"), pki.root, now));
    EXPECT_TRUE(verify(pki, list(renewed, {}), pki.leaf).accepted()) << "the list of the signer's next key is not about this one";
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
