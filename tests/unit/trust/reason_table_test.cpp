#include <gtest/gtest.h>

#include "trust/path.h"

using namespace chmtls;

namespace
{

/// The codes that X509_verify_cert produces with the parameters we give it, and what each must come out as.
struct Row
{
    int error;
    Reason reason;
};

constexpr Row common[]{
    {X509_V_OK, Reason::valid},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, Reason::unknown_ca},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, Reason::unknown_ca},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, Reason::unknown_ca},
    {X509_V_ERR_CERT_UNTRUSTED, Reason::unknown_ca},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, Reason::signature},
    {X509_V_ERR_CERT_NOT_YET_VALID, Reason::not_yet_valid},
    {X509_V_ERR_CERT_HAS_EXPIRED, Reason::expired},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, Reason::depth},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, Reason::path_length},
    {X509_V_ERR_INVALID_PURPOSE, Reason::purpose},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, Reason::critical_extension},
    {X509_V_ERR_PERMITTED_VIOLATION, Reason::name_constraint},
    {X509_V_ERR_EXCLUDED_VIOLATION, Reason::name_constraint},
    {X509_V_ERR_EE_KEY_TOO_SMALL, Reason::weak},
    {X509_V_ERR_CA_KEY_TOO_SMALL, Reason::weak},
    {X509_V_ERR_CA_MD_TOO_WEAK, Reason::weak},
    {X509_V_ERR_CERT_REVOKED, Reason::revoked},
    {X509_V_ERR_CRL_HAS_EXPIRED, Reason::crl_expired},
    {X509_V_ERR_UNSPECIFIED, Reason::internal},
};

}

TEST(ReasonTable, EveryCodeOfOpenSslIsDeliberate)
{
    for (int error = 0; error <= X509_V_ERR_EC_KEY_EXPLICIT_PARAMS; ++error)
    {
        SCOPED_TRACE(X509_verify_cert_error_string(error));
        const Reason reason = trust::reason_of_x509_error(error, 1);
        EXPECT_EQ(reason == Reason::valid, error == X509_V_OK);
        EXPECT_EQ(tls_alert(reason) == 0, error == X509_V_OK);
    }
}

TEST(ReasonTable, OnlyFaultsOfOurOwnAreInternal)
{
    for (int error = 1; error <= X509_V_ERR_EC_KEY_EXPLICIT_PARAMS; ++error)
    {
        const bool own = error == X509_V_ERR_UNSPECIFIED || error == X509_V_ERR_OUT_OF_MEM || error == X509_V_ERR_INVALID_CALL
                         || error == X509_V_ERR_STORE_LOOKUP || error == X509_V_ERR_APPLICATION_VERIFICATION;
        EXPECT_EQ(trust::reason_of_x509_error(error, 0) == Reason::internal, own) << X509_verify_cert_error_string(error);
    }
}

TEST(ReasonTable, CommonCodes)
{
    for (const Row & row : common)
        EXPECT_EQ(trust::reason_of_x509_error(row.error, 1), row.reason) << X509_verify_cert_error_string(row.error);
}

TEST(ReasonTable, DepthTellsALeafFromAnAuthority)
{
    EXPECT_EQ(trust::reason_of_x509_error(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0), Reason::self_signed);
    EXPECT_EQ(trust::reason_of_x509_error(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 1), Reason::unknown_ca);
    EXPECT_EQ(trust::reason_of_x509_error(X509_V_ERR_INVALID_CA, 0), Reason::purpose);
    EXPECT_EQ(trust::reason_of_x509_error(X509_V_ERR_INVALID_CA, 1), Reason::signer_ca);
}

TEST(ReasonTable, UnknownCodesRefuse)
{
    for (const int error : {-1, X509_V_ERR_EC_KEY_EXPLICIT_PARAMS + 1, 1000000})
        EXPECT_EQ(trust::reason_of_x509_error(error, 0), Reason::internal) << error;
}

// A later OpenSSL with a new code must be looked at: the text of the code after the last one known is the one for "no such code".
TEST(ReasonTable, KnowsTheLastCodeOfThisOpenSsl)
{
    const std::string unknown = X509_verify_cert_error_string(1000000);
    EXPECT_NE(X509_verify_cert_error_string(X509_V_ERR_EC_KEY_EXPLICIT_PARAMS), unknown);
    if (OPENSSL_VERSION_MAJOR != 3 || OPENSSL_VERSION_MINOR != 0)
        GTEST_SKIP() << "the table is written for OpenSSL 3.0";
    EXPECT_EQ(X509_verify_cert_error_string(X509_V_ERR_EC_KEY_EXPLICIT_PARAMS + 1), unknown);
}
