#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "openssl/error_queue.h"
#include "openssl/pem_blocks.h"
#include "support/issue.h"

using namespace chmtls;
using namespace chmtls::openssl;
using test::must;

namespace
{

class Pem : public testing::Test
{
protected:
    static void SetUpTestSuite()
    {
        pki_ = new test::GoodPki(test::good_pki());
        leaf_ = pki::certificate_pem(pki_->leaf.certificate);
        both_ = pki::chain_pem(pki_->chain());
        const SecretBytes key = pki::key_pem(pki_->leaf.key);
        key_ = std::string(as_text(key.view()));
    }
    static void TearDownTestSuite() { delete pki_; }

    static Result<std::vector<Certificate>> read(const std::string & pem, OtherBlocks others = OtherBlocks::skip)
    {
        auto result = certificates_from_pem(as_bytes(pem), "file.pem", others);
        EXPECT_EQ(ERR_peek_error(), 0u);
        return result;
    }

    /// How many certificates, or "field: reason" of the refusal.
    static std::string outcome(const std::string & pem, OtherBlocks others = OtherBlocks::skip)
    {
        const auto result = read(pem, others);
        return result ? std::to_string(result->size()) : result.error().field + ": " + result.error().reason;
    }

    static inline test::GoodPki * pki_ = nullptr;
    static inline std::string leaf_;
    static inline std::string both_;
    static inline std::string key_;
};

}

TEST_F(Pem, GivesCertificatesInOrder)
{
    const auto result = read(both_);
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, pki_->chain());
}

TEST_F(Pem, IsReadWhateverStandsAround)
{
    EXPECT_EQ(outcome("# my certificates\n\n" + leaf_ + "\nand more\n" + leaf_ + "end"), "2");
    EXPECT_EQ(outcome("Name\n====\n" + leaf_ + "Other\n-----\n" + leaf_), "2");
    EXPECT_EQ(outcome("- a list, fetched daily\n" + leaf_ + "--- Example CA ---\n" + leaf_), "2");
}

TEST_F(Pem, IsReadWithCarriageReturns)
{
    std::string text;
    for (const char c : both_)
        text += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_EQ(outcome(text), "2");
}

TEST_F(Pem, IsReadWithoutALastLineFeed)
{
    EXPECT_EQ(outcome(leaf_.substr(0, leaf_.size() - 1)), "1");
}

TEST_F(Pem, TellsEmptyFromNoBlock)
{
    EXPECT_EQ(outcome(""), "0");
    EXPECT_EQ(outcome("\n"), ": holds no PEM block");
    EXPECT_EQ(outcome("text"), ": holds no PEM block");
}

TEST_F(Pem, SkipsOrRefusesOtherBlocks)
{
    EXPECT_EQ(outcome(key_ + both_), "2");
    EXPECT_EQ(outcome(key_), ": holds no certificate, but a PRIVATE KEY");
    EXPECT_EQ(outcome(both_ + key_, OtherBlocks::refuse), "block 3: is a PRIVATE KEY, not a certificate");
    EXPECT_EQ(outcome(both_, OtherBlocks::refuse), "2");
}

TEST_F(Pem, ReadsTheOldLabel)
{
    std::string old = leaf_;
    for (size_t at = 0; (at = old.find("CERTIFICATE", at)) != std::string::npos; at += 16)
        old.replace(at, 11, "X509 CERTIFICATE");
    EXPECT_EQ(outcome(old), "1");
}

TEST_F(Pem, ReadsTheCertificateOfATrustedOne)
{
    const BioPtr out(BIO_new(BIO_s_mem()));
    const unsigned char * at = pki_->leaf.certificate.der().data();
    const X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(pki_->leaf.certificate.der().size())));
    ASSERT_EQ(X509_add1_trust_object(x509.get(), OBJ_nid2obj(NID_server_auth)), 1);
    ASSERT_EQ(PEM_write_bio_X509_AUX(out.get(), x509.get()), 1);
    char * data = nullptr;
    const long length = BIO_get_mem_data(out.get(), &data);
    const auto result = read(std::string(data, static_cast<size_t>(length)));
    ASSERT_TRUE(result) << result.error().describe();
    EXPECT_EQ(result->front(), pki_->leaf.certificate);
}

TEST_F(Pem, FailsAsAWholeWhenABlockIsDamaged)
{
    std::string damaged = both_;
    damaged[both_.rfind("-----BEGIN") + 60] = '!';
    EXPECT_TRUE(outcome(damaged).starts_with("block 2: is damaged")) << outcome(damaged);
    const std::string garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    EXPECT_TRUE(outcome(leaf_ + garbage).starts_with("certificate 2: is no certificate")) << outcome(leaf_ + garbage);
}

TEST_F(Pem, IsReadBehindAByteOrderMarkAndIndented)
{
    EXPECT_EQ(outcome("\xEF\xBB\xBF" + both_), "2");
    EXPECT_EQ(outcome("\xEF\xBB\xBF# text\n" + both_), "2");
    for (const std::string by : {"  ", "\t", "    "})
    {
        std::string text = by;
        for (const char c : both_)
            text += c == '\n' ? "\n" + by : std::string(1, c);
        EXPECT_EQ(outcome(text), "2");
        EXPECT_EQ(outcome(leaf_ + text), "3") << "never passed over";
        const size_t half = text.rfind("-----END") - 80;
        EXPECT_EQ(read(text.substr(0, half)).has_value(), false);
    }
}

TEST_F(Pem, SaysWhatElseAFileIs)
{
    std::string utf16;
    for (const char c : leaf_)
        utf16 += std::string{c, '\0'};
    EXPECT_TRUE(outcome("\xFF\xFE" + utf16).find("is UTF-16 text") != std::string::npos);
    EXPECT_TRUE(outcome(utf16).find("is UTF-16 text") != std::string::npos);
    EXPECT_EQ(outcome(std::string(as_text(pki_->leaf.certificate.der()))), ": is a DER certificate, not PEM");
    const std::string joined = leaf_.substr(0, leaf_.size() - 1) + leaf_;
    EXPECT_TRUE(outcome(joined).find("has two blocks on one line") != std::string::npos) << outcome(joined);
    const std::string request = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    EXPECT_EQ(outcome(request), ": holds no certificate, but a CERTIFICATE REQUEST");
}

TEST_F(Pem, NeverLosesACertificateToADamagedLine)
{
    for (const auto & [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE----"},
             {"-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE"},
             {"-----BEGIN CERTIFICATE-----", "---BEGIN CERTIFICATE-----"},
             {"-----BEGIN CERTIFICATE-----", "rubbish"},
             {"-----BEGIN CERTIFICATE-----", ""},
             {"-----END CERTIFICATE-----", "----END CERTIFICATE-----"},
             {"-----END CERTIFICATE-----", "-----END CERTIFICAT-----"},
             {"-----END CERTIFICATE-----", ""}})
    {
        std::string damaged = both_;
        damaged.replace(damaged.rfind(from), from.size(), to);
        EXPECT_FALSE(read(damaged)) << to;
    }
}

/// Whatever a single byte becomes: the certificates are all there, or the file is refused.
TEST_F(Pem, NeverLosesACertificateToOneByte)
{
    for (size_t at = 0; at < both_.size(); ++at)
        for (const char to : {'-', ' ', '\n', 'A', '\0'})
        {
            std::string changed = both_;
            changed[at] = to;
            const auto result = read(changed);
            EXPECT_TRUE(!result || result->size() == 2) << at << " " << static_cast<int>(to);
        }
}

TEST_F(Pem, IsRefusedWhereverAWriterStopped)
{
    // Each proper prefix is torn, but for those that end with the first certificate or one step behind it.
    const size_t first = leaf_.size();
    for (size_t length = 1; length < both_.size() - 1; ++length)
        EXPECT_EQ(read(both_.substr(0, length)).has_value(), length == first || length == first - 1) << length;
}

TEST_F(Pem, NamesTheFileAndTheCertificate)
{
    pki::Spec spec;
    spec.extra = {{"1.2.3.4", false, {5, 0}}, {"1.2.3.4", false, {5, 0}}};
    const Bytes der = must(pki::issue_der(spec, nullptr));
    const BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio(out.get(), "CERTIFICATE", "", der.data(), static_cast<long>(der.size()));
    char * data = nullptr;
    const long length = BIO_get_mem_data(out.get(), &data);
    const auto result = read(leaf_ + std::string(data, static_cast<size_t>(length)));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().file, "file.pem");
    EXPECT_EQ(result.error().field, "certificate 2");
    EXPECT_EQ(result.error().code, "EXT-TWICE");
}

TEST_F(Pem, OrDerIsToldByItsContent)
{
    const Certificate & leaf = pki_->leaf.certificate;
    EXPECT_EQ(must(certificates_from_pem_or_der(as_bytes(both_), "f")).size(), 2u);
    EXPECT_EQ(must(certificates_from_pem_or_der(leaf.der(), "f")).front(), leaf);
    EXPECT_TRUE(must(certificates_from_pem_or_der({}, "f")).empty());
    EXPECT_FALSE(certificates_from_pem_or_der(as_bytes("garbage"), "f"));
}

TEST_F(Pem, ConcatenatedDerHasNothingBetweenOrBehind)
{
    Bytes der(pki_->leaf.certificate.der().begin(), pki_->leaf.certificate.der().end());
    const ByteView second = pki_->intermediate.certificate.der();
    der.insert(der.end(), second.begin(), second.end());
    EXPECT_EQ(must(certificates_from_concatenated_der(der, "f")), pki_->chain());
    EXPECT_TRUE(must(certificates_from_concatenated_der({}, "f")).empty());

    Bytes behind = der;
    behind.push_back(0);
    EXPECT_EQ(certificates_from_concatenated_der(behind, "f").error().field, "certificate 3");
    EXPECT_EQ(certificates_from_concatenated_der(ByteView(der).first(der.size() - 1), "f").error().field, "certificate 2");
    EXPECT_FALSE(certificates_from_concatenated_der(as_bytes(both_), "f"));
}

TEST_F(Pem, IsWrittenAsItIsRead)
{
    EXPECT_EQ(must(read(to_pem(pki_->leaf.certificate))).front(), pki_->leaf.certificate);
}

TEST(ErrorQueue, IsReadAsOneLineAndEmptied)
{
    clear_errors();
    EXPECT_EQ(drain_errors(), "unknown error");
    ERR_raise(ERR_LIB_PEM, PEM_R_BAD_DECRYPT);
    ERR_raise(ERR_LIB_PEM, PEM_R_BAD_DECRYPT);
    ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
    EXPECT_EQ(drain_errors(), "PEM routines: bad decrypt; PEM routines: no start line");
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(ErrorQueue, IsEmptyBeforeAndAfterAScope)
{
    ERR_raise(ERR_LIB_PEM, PEM_R_BAD_DECRYPT);
    {
        const ErrorScope scope;
        EXPECT_EQ(ERR_peek_error(), 0u);
        ERR_raise(ERR_LIB_PEM, PEM_R_BAD_DECRYPT);
    }
    EXPECT_EQ(ERR_peek_error(), 0u);
}
