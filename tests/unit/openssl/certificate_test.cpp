#include <thread>

#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/err.h>

#include "openssl/certificate.h"
#include "openssl/digest.h"
#include "support/issue.h"

using namespace chmtls;
using namespace chmtls::openssl;
using pki::Spec;
using test::dns;
using test::email;
using test::ip;
using test::leaf_spec;
using test::must;
using test::uri;

namespace
{

Certificate made(const Spec & spec)
{
    return must(pki::self_signed(spec)).certificate;
}

Bytes der_of(const Certificate & certificate)
{
    return {certificate.der().begin(), certificate.der().end()};
}

std::string refusal(const Result<Certificate> & result)
{
    return result ? "accepted" : result.error().code;
}

/// The value of a SAN extension: one DNS name.
const Bytes one_dns_name{0x30, 0x03, 0x82, 0x01, 'a'};

}

TEST(Certificate, KeepsTheDerAsGiven)
{
    const Certificate certificate = made(leaf_spec("leaf"));
    const auto again = Certificate::from_der(certificate.der());
    ASSERT_TRUE(again);
    EXPECT_TRUE(*again == certificate);
    EXPECT_EQ(der_of(*again), der_of(certificate));
    EXPECT_FALSE(*again == made(leaf_spec("leaf")));
}

TEST(Certificate, RefusesBytesBehindIt)
{
    Bytes der = der_of(made(leaf_spec("leaf")));
    EXPECT_EQ(refusal(Certificate::from_der(der)), "accepted");
    der.push_back(0);
    EXPECT_EQ(refusal(Certificate::from_der(der)), "PARSE");
    EXPECT_EQ(Certificate::from_der(der).error().reason, "has bytes behind the certificate");
}

TEST(Certificate, RefusesEachTruncation)
{
    const Bytes der = der_of(made(leaf_spec("leaf")));
    for (size_t length = 0; length < der.size(); ++length)
        EXPECT_EQ(refusal(Certificate::from_der(ByteView(der).first(length))), "PARSE") << length;
}

TEST(Certificate, RefusesAnEncodingThatIsNotDer)
{
    // The outer SEQUENCE with a length that is one byte longer than it needs to be: BER, the same certificate to OpenSSL.
    const Bytes der = der_of(made(leaf_spec("leaf")));
    ASSERT_EQ(der[1], 0x82);
    Bytes ber{der[0], 0x83, 0x00};
    ber.insert(ber.end(), der.begin() + 2, der.end());
    EXPECT_EQ(refusal(Certificate::from_der(ber)), "PARSE");
}

TEST(Certificate, NeverFailsOnAChangedByte)
{
    // Whatever a flipped bit makes of it: a refusal with a code, or a certificate whose facts can be read.
    const Bytes der = der_of(made(leaf_spec("leaf", {dns("a.example.org"), uri("spiffe://example.org/a"), ip("10.0.0.1")})));
    size_t accepted = 0;
    for (size_t i = 0; i < der.size(); ++i)
        for (const unsigned mask : {0x01u, 0x20u, 0x80u})
        {
            Bytes changed = der;
            changed[i] = static_cast<uint8_t>(changed[i] ^ mask);
            const auto result = Certificate::from_der(changed);
            if (result)
                accepted += result->facts().fingerprint_sha256 == sha256(changed) ? 1u : 0u;
            else
                EXPECT_TRUE(result.error().code == "PARSE" || result.error().code == "EXT-TWICE");
        }
    EXPECT_GT(accepted, 100u); // names, keys and signatures have no inner form
}

TEST(Certificate, LeavesTheErrorQueueEmpty)
{
    EXPECT_FALSE(Certificate::from_der(as_bytes("no certificate")));
    EXPECT_EQ(ERR_peek_error(), 0u);
    EXPECT_TRUE(made(leaf_spec("leaf")).facts().subject == "CN=leaf");
    EXPECT_EQ(ERR_peek_error(), 0u);
}

struct ExtensionCase
{
    const char * name;
    std::vector<pki::RawExtension> extra;
    const char * code;
};

class Extensions : public testing::TestWithParam<ExtensionCase>
{
};

TEST_P(Extensions, DecideWhetherACertificateCanBeRead)
{
    Spec spec;
    spec.subject_key_identifier = false;
    spec.basic_constraints = false;
    spec.key_usage = false;
    spec.extended_key_usage = false;
    spec.extra = GetParam().extra;
    EXPECT_EQ(refusal(Certificate::from_der(must(pki::issue_der(spec, nullptr)))), GetParam().code);
}

static Bytes followed_by(Bytes bytes, const Bytes & more)
{
    bytes.insert(bytes.end(), more.begin(), more.end());
    return bytes;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Extensions,
    testing::Values(
        ExtensionCase{"none", {}, "accepted"}, ExtensionCase{"san_once", {{"2.5.29.17", false, one_dns_name}}, "accepted"},
        ExtensionCase{
            "san_twice", {{"2.5.29.17", false, one_dns_name}, {"2.5.29.17", false, {0x30, 0x03, 0x82, 0x01, 'b'}}}, "EXT-TWICE"},
        ExtensionCase{
            "san_twice_the_same", {{"2.5.29.17", false, one_dns_name}, {"2.5.29.17", false, one_dns_name}}, "EXT-TWICE"},
        ExtensionCase{"unknown_once", {{"1.2.3.4", false, {5, 0}}, {"1.2.3.5", false, {5, 0}}}, "accepted"},
        ExtensionCase{"unknown_twice", {{"1.2.3.4", false, {5, 0}}, {"1.2.3.4", true, {5, 0}}}, "EXT-TWICE"},
        ExtensionCase{"unknown_not_der", {{"1.2.3.4", false, {1, 2, 3}}}, "accepted"},
        ExtensionCase{"unknown_critical", {{"1.2.3.4", true, {5, 0}}}, "accepted"},
        ExtensionCase{"san_no_sequence", {{"2.5.29.17", false, {5, 0}}}, "PARSE"},
        ExtensionCase{"san_truncated", {{"2.5.29.17", false, {0x30, 0x04, 0x82, 0x01, 'a'}}}, "PARSE"},
        ExtensionCase{"san_bytes_behind", {{"2.5.29.17", false, followed_by(one_dns_name, {5, 0})}}, "PARSE"},
        ExtensionCase{"key_usage_unreadable", {{"2.5.29.15", true, {5, 0}}}, "PARSE"},
        ExtensionCase{"key_usage_bytes_behind", {{"2.5.29.15", true, {3, 2, 7, 0x80, 0}}}, "PARSE"},
        ExtensionCase{"extended_key_usage_unreadable", {{"2.5.29.37", false, {5, 0}}}, "PARSE"},
        ExtensionCase{"basic_constraints_unreadable", {{"2.5.29.19", true, {5, 0}}}, "PARSE"},
        ExtensionCase{"path_length_negative", {{"2.5.29.19", true, {0x30, 6, 1, 1, 0xff, 2, 1, 0xff}}}, "PARSE"},
        ExtensionCase{"basic_constraints_good", {{"2.5.29.19", true, {0x30, 6, 1, 1, 0xff, 2, 1, 1}}}, "accepted"},
        ExtensionCase{"name_constraints_unreadable", {{"2.5.29.30", true, {5, 0}}}, "PARSE"}),
    [](const auto & tested) { return std::string(tested.param.name); });

TEST(Certificate, FindsARepeatedExtensionAmongThousands)
{
    Spec spec;
    for (int i = 0; i < 3000; ++i)
        spec.extra.push_back({"1.2.3." + std::to_string(i), false, {5, 0}});
    EXPECT_EQ(refusal(Certificate::from_der(must(pki::issue_der(spec, nullptr)))), "accepted");
    spec.extra.push_back({"1.2.3.1500", false, {5, 0}});
    EXPECT_EQ(refusal(Certificate::from_der(must(pki::issue_der(spec, nullptr)))), "EXT-TWICE");
}

TEST(ReasonOf, TellsTheTwoRefusalsApart)
{
    EXPECT_EQ(
        reason_of(Error{.file = "", .field = "", .reason = "", .remedy = "", .code = "EXT-TWICE"}), Reason::extension_twice);
    EXPECT_EQ(reason_of(Error{.file = "", .field = "", .reason = "", .remedy = "", .code = "PARSE"}), Reason::parse);
}

TEST(Facts, AreReadOnceFromManyThreads)
{
    const Certificate certificate = made(leaf_spec("leaf"));
    std::vector<const CertificateFacts *> seen(8);
    std::vector<std::thread> threads;
    for (auto & slot : seen)
        threads.emplace_back([&slot, copy = certificate] { slot = &copy.facts(); });
    for (auto & thread : threads)
        thread.join();
    for (const auto * facts : seen)
        EXPECT_EQ(facts, &certificate.facts());
}

TEST(Facts, HoldSerialAndDates)
{
    Spec spec;
    spec.serial = 0xa0b1;
    spec.not_before_at = UnixTime(std::chrono::seconds(1700000000));
    spec.not_after_at = UnixTime(std::chrono::seconds(4102444799)); // 2099: a GeneralizedTime
    const Certificate certificate = made(spec);
    EXPECT_EQ(certificate.facts().serial_hex, "a0b1");
    EXPECT_EQ(certificate.facts().not_before, *spec.not_before_at);
    EXPECT_EQ(certificate.facts().not_after, *spec.not_after_at);
    spec.serial = 0;
    EXPECT_EQ(made(spec).facts().serial_hex, "0");
}

TEST(Facts, HoldTheDigestsThatOpenSslComputes)
{
    const Certificate certificate = made(leaf_spec("leaf"));
    Digest32 fingerprint{};
    ASSERT_EQ(X509_digest(certificate.x509(), EVP_sha256(), fingerprint.data(), nullptr), 1);
    EXPECT_EQ(certificate.facts().fingerprint_sha256, fingerprint);

    unsigned char * data = nullptr;
    const int length = i2d_PUBKEY(X509_get0_pubkey(certificate.x509()), &data);
    EXPECT_EQ(certificate.facts().spki_sha256, sha256({data, static_cast<size_t>(length)}));
    OPENSSL_free(data);
}

TEST(Facts, KeepTheSpkiDigestWhenACertificateIsRenewedWithItsKey)
{
    const auto first = must(pki::self_signed(leaf_spec("leaf")));
    const auto second = must(pki::issue_for_key(leaf_spec("leaf"), first.key, nullptr));
    EXPECT_EQ(first.certificate.facts().spki_sha256, second.certificate.facts().spki_sha256);
    EXPECT_NE(first.certificate.facts().fingerprint_sha256, second.certificate.facts().fingerprint_sha256);
    EXPECT_NE(first.certificate.facts().spki_sha256, made(leaf_spec("leaf")).facts().spki_sha256);
}

TEST(Facts, NameTheKey)
{
    const std::vector<std::pair<pki::KeyKind, std::string>> cases{
        {pki::KeyKind::ec_p256, "EC P-256"},
        {pki::KeyKind::ec_p384, "EC P-384"},
        {pki::KeyKind::rsa_2048, "RSA 2048"},
        {pki::KeyKind::rsa_1024, "RSA 1024"},
        {pki::KeyKind::ed25519, "ED25519"}};
    for (const auto & [kind, text] : cases)
    {
        Spec spec;
        spec.key = kind;
        EXPECT_EQ(made(spec).facts().public_key, text);
    }
    EXPECT_EQ(made(leaf_spec("leaf")).facts().signature_algorithm, "ecdsa-with-SHA256");
}

TEST(KeyUsageFacts, TellAbsentFromSet)
{
    Spec spec;
    spec.key_usage = false;
    const auto absent = made(spec).facts().key_usage;
    EXPECT_FALSE(absent.present);
    EXPECT_EQ(absent.bits, 0u);
    EXPECT_FALSE(absent.has(KU_DIGITAL_SIGNATURE));

    spec.key_usage = true;
    spec.key_usage_critical = false;
    EXPECT_TRUE(made(spec).facts().key_usage.present);
    EXPECT_FALSE(made(spec).facts().key_usage.critical);

    spec.key_usages = {}; // RFC 5280 4.2.1.3: at least one bit
    EXPECT_EQ(refusal(Certificate::from_der(must(pki::issue_der(spec, nullptr)))), "PARSE");

    spec.key_usages = {"digitalSignature", "keyCertSign", "decipherOnly"};
    spec.key_usage_critical = true;
    const auto set = made(spec).facts().key_usage;
    EXPECT_TRUE(set.critical);
    EXPECT_TRUE(set.has(KU_DIGITAL_SIGNATURE));
    EXPECT_TRUE(set.has(KU_KEY_CERT_SIGN));
    EXPECT_TRUE(set.has(KU_DECIPHER_ONLY));
    EXPECT_FALSE(set.has(KU_CRL_SIGN));
    EXPECT_FALSE(set.has(KU_DIGITAL_SIGNATURE | KU_CRL_SIGN));
}

TEST(ExtendedKeyUsageFacts, ListEveryPurpose)
{
    Spec spec;
    spec.extended_key_usages = {"clientAuth", "codeSigning", "1.3.6.1.4.1.55744.1"};
    spec.extended_key_usage_critical = true;
    const auto usage = made(spec).facts().extended_key_usage;
    EXPECT_TRUE(usage.present);
    EXPECT_TRUE(usage.critical);
    EXPECT_TRUE(usage.client_auth);
    EXPECT_FALSE(usage.server_auth);
    EXPECT_FALSE(usage.any);
    EXPECT_EQ(usage.oids, (std::vector<std::string>{"1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.3", "1.3.6.1.4.1.55744.1"}));

    spec.extended_key_usages = {"anyExtendedKeyUsage"};
    EXPECT_TRUE(made(spec).facts().extended_key_usage.any);
    spec.extended_key_usage = false;
    EXPECT_FALSE(made(spec).facts().extended_key_usage.present);
}

TEST(BasicConstraintsFacts, HoldPresenceAuthorityAndPathLength)
{
    Spec spec = Spec::authority("ca");
    EXPECT_TRUE(made(spec).facts().basic_constraints.ca);
    EXPECT_FALSE(made(spec).facts().basic_constraints.path_length);
    spec.path_length = 0;
    EXPECT_EQ(made(spec).facts().basic_constraints.path_length, 0u);
    spec.path_length = 3;
    EXPECT_EQ(made(spec).facts().basic_constraints.path_length, 3u);
    const auto leaf = made(leaf_spec("leaf")).facts().basic_constraints;
    EXPECT_TRUE(leaf.present);
    EXPECT_TRUE(leaf.critical);
    EXPECT_FALSE(leaf.ca);
    spec.basic_constraints = false;
    EXPECT_FALSE(made(spec).facts().basic_constraints.present);
}

TEST(AltNameFacts, KeepKindsApartAndInOrder)
{
    const auto san = made(leaf_spec(
                              "leaf", {dns("b.example.org"),
                                       uri("spiffe://example.org/x"),
                                       email("a@example.org"),
                                       ip("192.0.2.1"),
                                       ip("2001:db8:0:0:0:0:0:1"),
                                       dns("a.example.org"),
                                       {pki::AltName::Kind::other, "a@ad.example"},
                                       {pki::AltName::Kind::directory, "dir"}}))
                         .facts()
                         .san;
    EXPECT_TRUE(san.present);
    EXPECT_FALSE(san.critical);
    EXPECT_EQ(san.dns, (std::vector<std::string>{"b.example.org", "a.example.org"}));
    EXPECT_EQ(san.uris, std::vector<std::string>{"spiffe://example.org/x"});
    EXPECT_EQ(san.emails, std::vector<std::string>{"a@example.org"});
    EXPECT_EQ(san.ips, (std::vector<std::string>{"192.0.2.1", "2001:db8::1"}));
    EXPECT_EQ(san.others, 2u);
    EXPECT_TRUE(san.unusable.empty());
}

TEST(AltNameFacts, TellAnEmptyExtensionFromNone)
{
    Spec spec;
    EXPECT_FALSE(made(spec).facts().san.present);
    spec.san_present_when_empty = true;
    spec.san_critical = true;
    EXPECT_TRUE(made(spec).facts().san.present);
    EXPECT_TRUE(made(spec).facts().san.critical);
}

TEST(AltNameFacts, PutBadBytesWhereNoRuleLooks)
{
    for (int c = 0; c < 256; ++c)
    {
        const std::string name = "a" + std::string(1, static_cast<char>(c)) + "b";
        const auto san = made(leaf_spec("leaf", {dns(name), email(name), uri(name)})).facts().san;
        const bool usable = c > 0x20 && c < 0x7f;
        EXPECT_EQ(san.dns.size(), usable ? 1u : 0u) << c;
        EXPECT_EQ(san.emails.size(), usable ? 1u : 0u) << c;
        EXPECT_EQ(san.unusable.size(), usable ? 0u : 2u) << c;
        EXPECT_EQ(san.uris, std::vector<std::string>{name}) << c; // raw, the SPIFFE rules judge it
        EXPECT_EQ(uri_is_clean(name), usable) << c;
    }
}

TEST(AltNameFacts, NeverCutANameAtNul)
{
    const std::string evil("good.example.org\0.evil.test", 27);
    const auto san = made(leaf_spec("leaf", {dns(evil), uri(evil)})).facts().san;
    EXPECT_TRUE(san.dns.empty());
    EXPECT_EQ(san.unusable, std::vector<std::string>{"DNS:good.example.org\\x00.evil.test"});
    EXPECT_EQ(san.uris, std::vector<std::string>{evil});
}

TEST(AltNameFacts, RefuseEmptyNamesAndOddAddresses)
{
    EXPECT_TRUE(made(leaf_spec("leaf", {dns("")})).facts().san.dns.empty());
    EXPECT_FALSE(uri_is_clean(""));
    Spec spec;
    spec.extra = {{"2.5.29.17", false, {0x30, 0x05, 0x87, 0x03, 10, 0, 0}}};
    const auto san = made(spec).facts().san;
    EXPECT_TRUE(san.ips.empty());
    EXPECT_EQ(san.unusable, std::vector<std::string>{"IP:#0a0000"});
}
