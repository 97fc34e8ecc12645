#include <gtest/gtest.h>

#include "openssl/pem_blocks.h"
#include "support/issue.h"

using namespace chmtls;
using openssl::Certificate;
using pki::Spec;
using test::must;

namespace
{

/// X509_V_OK or the error; the store holds the root only.
int verify(const test::GoodPki & pki, const Certificate & leaf)
{
    const openssl::X509StorePtr store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), pki.root.certificate.x509());
    const openssl::CertificateList others(sk_X509_new_null());
    sk_X509_push(others.get(), pki.intermediate.certificate.x509());
    const openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), leaf.x509(), others.get());
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), pki.now.time_since_epoch().count());
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
}

openssl::X509CrlPtr crl_of(const Bytes & der)
{
    const unsigned char * at = der.data();
    return openssl::X509CrlPtr(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
}

bool revokes(X509_CRL * crl, const Certificate & certificate)
{
    X509_REVOKED * entry = nullptr;
    return X509_CRL_get0_by_cert(crl, &entry, certificate.x509()) == 1;
}

}

class IssuedKinds : public testing::TestWithParam<pki::KeyKind>
{
};

TEST_P(IssuedKinds, VerifyBelowAuthoritiesOfTheSameKind)
{
    const UnixTime now = system_time();
    Spec authority = Spec::authority("root");
    authority.key = GetParam();
    Spec leaf;
    leaf.key = GetParam();
    const auto root = must(pki::self_signed(authority, now));
    const auto intermediate = must(pki::issue(authority, root, now));
    const auto issued = must(pki::issue(leaf, intermediate, now));
    EXPECT_EQ(verify({now, root, intermediate, issued}, issued.certificate), X509_V_OK);
    EXPECT_TRUE(issued.key.matches(issued.certificate));
}

INSTANTIATE_TEST_SUITE_P(
    Table, IssuedKinds,
    testing::Values(pki::KeyKind::ec_p256, pki::KeyKind::ec_p384, pki::KeyKind::rsa_2048, pki::KeyKind::ed25519));

struct SpecCase
{
    const char * name;
    void (*change)(Spec &);
    int error;
};

class Specs : public testing::TestWithParam<SpecCase>
{
};

TEST_P(Specs, AreHonoured)
{
    const auto pki = test::good_pki();
    Spec spec;
    GetParam().change(spec);
    EXPECT_EQ(verify(pki, must(pki::issue(spec, pki.intermediate, pki.now)).certificate), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Specs,
    testing::Values(
        SpecCase{"good", [](Spec &) {}, X509_V_OK},
        SpecCase{"expired", [](Spec & s) { s.not_after = std::chrono::seconds(-1); }, X509_V_ERR_CERT_HAS_EXPIRED},
        SpecCase{"not_yet_valid", [](Spec & s) { s.not_before = std::chrono::seconds(10); }, X509_V_ERR_CERT_NOT_YET_VALID},
        SpecCase{
            "unknown_critical_extension",
            [](Spec & s) {
                s.extra = {{"1.2.3.4", true, {5, 0}}};
            },
            X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION},
        SpecCase{
            "unknown_extension",
            [](Spec & s) {
                s.extra = {{"1.2.3.4", false, {5, 0}}};
            },
            X509_V_OK},
        SpecCase{"sha1", [](Spec & s) { s.digest = "SHA1"; }, X509_V_OK},
        SpecCase{"empty_subject", [](Spec & s) { s.subject = {}; }, X509_V_OK},
        SpecCase{"no_identifiers", [](Spec & s) { s.subject_key_identifier = s.authority_key_identifier = false; }, X509_V_OK}),
    [](const auto & tested) { return std::string(tested.param.name); });

TEST(Issue, HonoursNameConstraints)
{
    const UnixTime now = system_time();
    const auto root = must(pki::self_signed(Spec::authority("root"), now));
    Spec constrained = Spec::authority("constrained");
    constrained.permitted_names = {"URI:example.org", "IP:10.0.0.0/255.0.0.0"};
    constrained.excluded_names = {"DNS:evil.test", "EMAIL:evil.test"};
    const auto intermediate = must(pki::issue(constrained, root, now));
    const auto outcome = [&](std::vector<pki::AltName> names)
    {
        const auto leaf = must(pki::issue(test::leaf_spec("leaf", std::move(names)), intermediate, now));
        return verify({now, root, intermediate, leaf}, leaf.certificate);
    };
    EXPECT_EQ(outcome({test::uri("spiffe://example.org/x"), test::ip("10.1.2.3"), test::dns("good.test")}), X509_V_OK);
    EXPECT_EQ(outcome({test::uri("spiffe://other.test/x")}), X509_V_ERR_PERMITTED_VIOLATION);
    EXPECT_EQ(outcome({test::ip("192.0.2.1")}), X509_V_ERR_PERMITTED_VIOLATION);
    EXPECT_EQ(outcome({test::dns("a.evil.test")}), X509_V_ERR_EXCLUDED_VIOLATION);
    EXPECT_EQ(outcome({test::email("a@evil.test")}), X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST(Issue, HonoursPathLength)
{
    const UnixTime now = system_time();
    Spec authority = Spec::authority("root");
    authority.path_length = 0;
    const auto root = must(pki::self_signed(authority, now));
    const auto intermediate = must(pki::issue(Spec::authority("intermediate"), root, now));
    const auto leaf = must(pki::issue(Spec(), intermediate, now));
    EXPECT_EQ(verify({now, root, intermediate, leaf}, leaf.certificate), X509_V_ERR_PATH_LENGTH_EXCEEDED);
}

TEST(Issue, LinksKeyIdentifiersUnlessToldNot)
{
    const auto pki = test::good_pki();
    const auto authority_id = [](const Certificate & certificate)
    {
        return X509_get0_authority_key_id(certificate.x509());
    };
    ASSERT_NE(authority_id(pki.leaf.certificate), nullptr);
    EXPECT_EQ(
        ASN1_OCTET_STRING_cmp(authority_id(pki.leaf.certificate), X509_get0_subject_key_id(pki.intermediate.certificate.x509())),
        0);
    EXPECT_EQ(authority_id(pki.root.certificate), nullptr);

    Spec bare = Spec::authority("bare");
    bare.subject_key_identifier = false;
    const auto without = must(pki::self_signed(bare, pki.now));
    EXPECT_EQ(X509_get0_subject_key_id(without.certificate.x509()), nullptr);
    EXPECT_EQ(authority_id(must(pki::issue(Spec(), without, pki.now)).certificate), nullptr);
}

TEST(Issue, GivesEachCertificateItsOwnPositiveSerial)
{
    const auto pki = test::good_pki();
    const std::string one = pki.issue(Spec()).certificate.facts().serial_hex;
    const std::string two = pki.issue(Spec()).certificate.facts().serial_hex;
    EXPECT_NE(one, two);
    EXPECT_FALSE(one.starts_with('-'));
    EXPECT_LE(one.size(), 32u);
}

TEST(Issue, RefusesWhatItDoesNotKnow)
{
    Spec spec;
    spec.key_usages = {"digitalSignatur"};
    EXPECT_EQ(pki::self_signed(spec).error().field, "key usage digitalSignatur");
    spec = Spec();
    spec.extended_key_usages = {"noPurpose"};
    EXPECT_FALSE(pki::self_signed(spec));
    spec = Spec();
    spec.alt_names = {test::ip("10.0.0")};
    EXPECT_FALSE(pki::self_signed(spec));
    spec = Spec();
    spec.subject = {{"XX", "y"}};
    EXPECT_FALSE(pki::self_signed(spec));
    spec = Spec();
    spec.digest = "SHA0";
    EXPECT_FALSE(pki::self_signed(spec));
    spec = Spec();
    spec.permitted_names = {"example.org"};
    EXPECT_FALSE(pki::self_signed(spec));
    EXPECT_TRUE(pki::self_signed(Spec()));
}

TEST(Crl, ListsTheRevokedAndNoOther)
{
    const auto pki = test::good_pki();
    const auto other = pki.issue(Spec());
    const Bytes der
        = must(pki::issue_crl({.revoked = {{.serial_hex = pki.leaf.certificate.facts().serial_hex}}}, pki.intermediate, pki.now));
    const auto crl = crl_of(der);
    ASSERT_NE(crl, nullptr);
    EXPECT_EQ(X509_CRL_verify(crl.get(), X509_get0_pubkey(pki.intermediate.certificate.x509())), 1);
    EXPECT_NE(X509_CRL_verify(crl.get(), X509_get0_pubkey(pki.root.certificate.x509())), 1);
    EXPECT_TRUE(revokes(crl.get(), pki.leaf.certificate));
    EXPECT_FALSE(revokes(crl.get(), other.certificate));
    EXPECT_EQ(X509_CRL_get_ext_by_NID(crl.get(), NID_delta_crl, -1), -1);
}

TEST(Crl, CanBeADelta)
{
    const auto pki = test::good_pki();
    const auto crl = crl_of(must(pki::issue_crl({.number = 5, .delta_base = 4}, pki.root, pki.now)));
    const int index = X509_CRL_get_ext_by_NID(crl.get(), NID_delta_crl, -1);
    ASSERT_GE(index, 0);
    EXPECT_EQ(X509_EXTENSION_get_critical(X509_CRL_get_ext(crl.get(), index)), 1);
}

TEST(Crl, RefusesASerialThatIsNone)
{
    const auto pki = test::good_pki();
    EXPECT_FALSE(pki::issue_crl({.revoked = {{.serial_hex = "xyz"}}}, pki.root, pki.now));
    EXPECT_FALSE(pki::issue_crl({.revoked = {{.serial_hex = "12 34"}}}, pki.root, pki.now));
    EXPECT_TRUE(pki::issue_crl({.revoked = {{.serial_hex = "1234"}}}, pki.root, pki.now));
}

TEST(Crl, IsSignedByAnEd25519Authority)
{
    Spec authority = Spec::authority("root");
    authority.key = pki::KeyKind::ed25519;
    const auto root = must(pki::self_signed(authority));
    const auto crl = crl_of(must(pki::issue_crl({}, root)));
    EXPECT_EQ(X509_CRL_verify(crl.get(), X509_get0_pubkey(root.certificate.x509())), 1);
    EXPECT_TRUE(pki::crl_pem(must(pki::issue_crl({}, root))).starts_with("-----BEGIN X509 CRL-----\n"));
}

TEST(PemText, OfAKeyIsEncryptedOnlyWithAPassphrase)
{
    const auto key = must(pki::generate_key(pki::KeyKind::ec_p256));
    EXPECT_TRUE(as_text(pki::key_pem(key).view()).starts_with("-----BEGIN PRIVATE KEY-----\n"));
    EXPECT_TRUE(as_text(pki::key_pem(key, "secret").view()).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
}

TEST(PemText, OfAChainIsReadBack)
{
    const auto pki = test::good_pki();
    EXPECT_EQ(must(openssl::certificates_from_pem(as_bytes(pki::chain_pem(pki.chain())), "f")), pki.chain());
}
