#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "openssl/private_key.h"
#include "support/issue.h"

using namespace chmtls;
using namespace chmtls::openssl;
using test::must;

namespace
{

std::string key_text(const PrivateKey & key, const std::string & passphrase = {})
{
    const SecretBytes pem = pki::key_pem(key, passphrase);
    return std::string(as_text(pem.view()));
}

Result<PrivateKey> read(const std::string & pem, const std::string & passphrase = {})
{
    const SecretBytes secret(as_bytes(passphrase));
    auto result = PrivateKey::from_pem(as_bytes(pem), "server.key", secret);
    EXPECT_EQ(ERR_peek_error(), 0u);
    return result;
}

std::string written(const BioPtr & out)
{
    char * data = nullptr;
    const long length = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<size_t>(length)};
}

/// The form before PKCS#8 ("EC PRIVATE KEY"), encrypted when there is a passphrase.
std::string traditional(const PrivateKey & key, const std::string & passphrase = {})
{
    const BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey_traditional(
        out.get(), must(key.open()).get(), passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
        passphrase.empty() ? nullptr : reinterpret_cast<const unsigned char *>(passphrase.data()),
        static_cast<int>(passphrase.size()), nullptr, nullptr);
    return written(out);
}

/// An EC key with the private half of one and the public half of the other.
EvpPkeyPtr put_together(const EVP_PKEY * private_half, const EVP_PKEY * public_half)
{
    BIGNUM * number = nullptr;
    EVP_PKEY_get_bn_param(private_half, OSSL_PKEY_PARAM_PRIV_KEY, &number);
    const BignumPtr secret(number);
    std::array<unsigned char, 133> point{};
    size_t length = 0;
    EVP_PKEY_get_octet_string_param(public_half, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &length);

    const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get());
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), length);
    const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY * key = nullptr;
    EVP_PKEY_fromdata_init(context.get());
    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get());
    return EvpPkeyPtr(key);
}

bool same(const Result<PrivateKey> & left, const PrivateKey & right)
{
    return left && equal_constant_time(left->pkcs8(), right.pkcs8());
}

}

class KeyKinds : public testing::TestWithParam<pki::KeyKind>
{
};

TEST_P(KeyKinds, SurviveEveryForm)
{
    const PrivateKey key = must(pki::generate_key(GetParam()));
    EXPECT_TRUE(same(read(key_text(key)), key));
    EXPECT_TRUE(same(read(key_text(key, "secret"), "secret"), key));
    EXPECT_TRUE(same(PrivateKey::from_key(must(key.open()).get(), "x"), key));
    if (GetParam() != pki::KeyKind::ed25519) // which has no other form than PKCS#8
    {
        EXPECT_TRUE(same(read(traditional(key)), key));
        EXPECT_TRUE(same(read(traditional(key, "secret"), "secret"), key));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, KeyKinds,
    testing::Values(pki::KeyKind::ec_p256, pki::KeyKind::ec_p384, pki::KeyKind::rsa_2048, pki::KeyKind::ed25519));

TEST(PrivateKey, IgnoresAPassphraseThatIsNotNeeded)
{
    const PrivateKey key = must(pki::generate_key(pki::KeyKind::ec_p256));
    EXPECT_TRUE(same(read(key_text(key), "unused"), key));
}

TEST(PrivateKey, IsFoundBehindParametersAndCertificates)
{
    const auto issued = must(pki::self_signed(pki::Spec()));
    const std::string parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    EXPECT_TRUE(same(read(parameters + traditional(issued.key)), issued.key));
    EXPECT_TRUE(same(read(pki::certificate_pem(issued.certificate) + key_text(issued.key)), issued.key));
}

TEST(PrivateKey, EncryptedWithoutAPassphraseNamesTheSetting)
{
    const PrivateKey key = must(pki::generate_key(pki::KeyKind::ec_p256));
    for (const std::string & pem : {key_text(key, "secret"), traditional(key, "secret")})
    {
        const auto refused = read(pem);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().file, "server.key");
        EXPECT_EQ(refused.error().reason, "is encrypted and no passphrase is configured");
        EXPECT_NE(refused.error().remedy.find("privateKeyPassphraseHandler"), std::string::npos);
    }
}

TEST(PrivateKey, EncryptedWithAWrongPassphraseSaysSoAndDoesNotQuoteIt)
{
    const PrivateKey key = must(pki::generate_key(pki::KeyKind::ec_p256));
    for (const std::string & pem : {key_text(key, "secret"), traditional(key, "secret")})
    {
        const auto refused = read(pem, "hunter2");
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().reason.find("passphrase is wrong"), std::string::npos);
        EXPECT_EQ(refused.error().describe().find("hunter2"), std::string::npos);
    }
    EXPECT_NE(read(key_text(key, "secret"), std::string(2000, 'x')).error().reason.find("longer than 1024"), std::string::npos);
}

TEST(PrivateKey, ThatIsNoneIsRefused)
{
    const auto issued = must(pki::self_signed(pki::Spec()));
    EXPECT_EQ(read("").error().reason, "the file is empty");
    EXPECT_EQ(read("text").error().reason, "holds no private key");
    EXPECT_EQ(read(pki::certificate_pem(issued.certificate)).error().reason, "holds no private key");

    const BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PUBKEY(out.get(), must(issued.key.open()).get());
    EXPECT_EQ(read(written(out)).error().reason, "holds no private key");
}

TEST(PrivateKey, IsRefusedWhereverAWriterStopped)
{
    const std::string pem = key_text(must(pki::generate_key(pki::KeyKind::ec_p256)));
    EXPECT_TRUE(read(pem));
    for (size_t length = 0; length < pem.size() - 1; ++length)
    {
        const auto refused = read(pem.substr(0, length));
        ASSERT_FALSE(refused) << length;
        EXPECT_FALSE(refused.error().remedy.empty());
    }
}

TEST(PrivateKey, MatchesItsCertificateAndNoOther)
{
    for (const auto kind : {pki::KeyKind::ec_p256, pki::KeyKind::ed25519, pki::KeyKind::rsa_2048})
    {
        pki::Spec spec;
        spec.key = kind;
        const auto one = must(pki::self_signed(spec));
        const auto two = must(pki::self_signed(spec));
        EXPECT_TRUE(one.key.matches(one.certificate));
        EXPECT_FALSE(one.key.matches(two.certificate));
    }
    const auto ec = must(pki::self_signed(pki::Spec()));
    EXPECT_FALSE(must(pki::generate_key(pki::KeyKind::rsa_2048)).matches(ec.certificate));
}

TEST(PrivateKey, PutTogetherFromTwoKeysMatchesNothing)
{
    const auto one = must(pki::self_signed(pki::Spec()));
    const auto two = must(pki::self_signed(pki::Spec()));
    const auto read_again = [&](const pki::Issued & private_half, const pki::Issued & public_half)
    {
        const EvpPkeyPtr key = put_together(must(private_half.key.open()).get(), must(public_half.key.open()).get());
        return must(read(key_text(must(PrivateKey::from_key(key.get(), "x")))));
    };
    EXPECT_TRUE(read_again(one, one).matches(one.certificate));
    EXPECT_FALSE(read_again(one, two).matches(one.certificate));
    EXPECT_FALSE(read_again(one, two).matches(two.certificate));
}
