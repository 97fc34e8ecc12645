// What OpenSSL makes of a certificate when it is really used.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "credentials/trial.h"
#include "support/issue.h"

namespace chmtls::credentials
{
namespace
{

using test::must;
using testing::HasSubstr;

Credential made_of(const pki::Issued & leaf, std::vector<openssl::Certificate> above = {})
{
    std::vector<openssl::Certificate> chain{leaf.certificate};
    chain.insert(chain.end(), above.begin(), above.end());
    return {.id = 1, .chain = std::move(chain), .key = leaf.key, .server_names = {}};
}

pki::Spec leaf_with(pki::KeyKind key, const std::string & digest = "SHA256")
{
    pki::Spec spec = test::leaf_spec("leaf");
    spec.key = key;
    spec.digest = digest;
    return spec;
}

TlsSettings section(const std::string & cipher_list = {}, int least_version = TLS1_2_VERSION)
{
    return {.cipher_list = cipher_list, .least_version = least_version};
}

std::optional<std::string> defect(const Credential & credential, const TlsSettings & of = section())
{
    auto as_server = handshake_defect(credential, Side::server, of);
    const auto as_client = handshake_defect(credential, Side::client, of);
    EXPECT_EQ(as_server.has_value(), as_client.has_value());
    EXPECT_EQ(ERR_peek_error(), 0u);
    return as_server;
}

TEST(Trial, TakesEveryKindOfKeyThatIsStrongEnough)
{
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root")));
    for (const pki::KeyKind key :
         {pki::KeyKind::ec_p256, pki::KeyKind::ec_p384, pki::KeyKind::rsa_2048, pki::KeyKind::rsa_3072, pki::KeyKind::ed25519})
    {
        const Credential credential = made_of(must(pki::issue(leaf_with(key), root)), {root.certificate});
        EXPECT_EQ(defect(credential), std::nullopt);
        EXPECT_EQ(defect(credential, section({}, TLS1_3_VERSION)), std::nullopt);
    }
}

TEST(Trial, NamesWhatOpensslWillNotUse)
{
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root")));
    pki::Spec weak_middle = pki::Spec::authority("middle");
    weak_middle.key = pki::KeyKind::rsa_1024;
    const pki::Issued middle = must(pki::issue(weak_middle, root));

    const Credential short_key = made_of(must(pki::issue(leaf_with(pki::KeyKind::rsa_1024), root)));
    const Credential old_hash = made_of(must(pki::issue(leaf_with(pki::KeyKind::rsa_2048, "SHA1"), root)));
    const Credential weak_above = made_of(must(pki::issue(leaf_with(pki::KeyKind::rsa_2048), middle)), {middle.certificate});
    EXPECT_THAT(defect(short_key, section("DEFAULT:@SECLEVEL=2")).value_or("good"), HasSubstr("ee key too small"));
    EXPECT_THAT(defect(old_hash, section("DEFAULT:@SECLEVEL=2")).value_or("good"), HasSubstr("ca md too weak"));
    EXPECT_THAT(defect(weak_above, section("DEFAULT:@SECLEVEL=2")).value_or("good"), HasSubstr("ca key too small"));
    for (const Credential & each : {short_key, old_hash, weak_above})
        EXPECT_EQ(defect(each, section("DEFAULT:@SECLEVEL=0")), std::nullopt) << "what the operator has allowed";
}

TEST(Trial, SeesACipherListThatDoesNotFitTheKey)
{
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root")));
    const Credential curve = made_of(must(pki::issue(leaf_with(pki::KeyKind::ec_p256), root)));
    TlsSettings rsa_only = section("ECDHE-RSA-AES256-GCM-SHA384");
    rsa_only.greatest_version = TLS1_2_VERSION;
    EXPECT_NE(handshake_defect(curve, Side::server, rsa_only), std::nullopt);
    rsa_only.greatest_version = TLS1_3_VERSION; // whose suites are apart
    EXPECT_EQ(handshake_defect(curve, Side::server, rsa_only), std::nullopt);
}

TEST(Trial, TellsTheSecurityLevel)
{
    const int own = security_level({});
    EXPECT_EQ(security_level("DEFAULT:@SECLEVEL=0"), 0);
    EXPECT_EQ(security_level("DEFAULT:@SECLEVEL=3"), 3);
    EXPECT_EQ(security_level("no such word"), own) << "the host refuses it";
}

constexpr std::string_view dh_512 = "-----BEGIN DH PARAMETERS-----\n"
                                    "MEYCQQDQuTtFleYKIfqDCQphKJcPkIKfiOdM04rWStSa3be45Yp7DBP8Xin4B1Cm\n"
                                    "Jak567+U50h6qPLGUeqlXP1cvAB/AgEC\n"
                                    "-----END DH PARAMETERS-----\n";

TEST(Trial, JudgesDhParameters)
{
    EXPECT_EQ(judge_dh_parameters(as_bytes(dh_512), "DEFAULT:@SECLEVEL=2"), DhParameters::weak);
    for (size_t cut = 0; cut + 2 < dh_512.size(); cut += 7)
        EXPECT_EQ(judge_dh_parameters(as_bytes(dh_512.substr(0, cut)), {}), DhParameters::unreadable) << cut;
    EXPECT_EQ(judge_dh_parameters({}, {}), DhParameters::unreadable);
}

}
}
