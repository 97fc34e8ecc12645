#include <array>

#include "trust/path.h"

namespace chmtls::trust
{

namespace
{

struct Row
{
    int error;
    Reason reason;
};

// Every code of OpenSSL 3.0, in order and without a gap. Codes that our own use of OpenSSL cannot produce (Suite B, DANE, SCT,
// OCSP, RFC 3779, RFC 3820 proxies, names) stand here too, so that a new use meets a deliberate answer.
constexpr std::array rows{
    Row{X509_V_OK, Reason::valid},
    Row{X509_V_ERR_UNSPECIFIED, Reason::internal},
    Row{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, Reason::unknown_ca},
    Row{X509_V_ERR_UNABLE_TO_GET_CRL, Reason::crl_missing},
    Row{X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, Reason::signature},
    Row{X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, Reason::crl_invalid},
    Row{X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, Reason::signature},
    Row{X509_V_ERR_CERT_SIGNATURE_FAILURE, Reason::signature},
    Row{X509_V_ERR_CRL_SIGNATURE_FAILURE, Reason::crl_invalid},
    Row{X509_V_ERR_CERT_NOT_YET_VALID, Reason::not_yet_valid},
    Row{X509_V_ERR_CERT_HAS_EXPIRED, Reason::expired},
    Row{X509_V_ERR_CRL_NOT_YET_VALID, Reason::crl_invalid},
    Row{X509_V_ERR_CRL_HAS_EXPIRED, Reason::crl_expired},
    Row{X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, Reason::parse},
    Row{X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, Reason::parse},
    Row{X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, Reason::crl_invalid},
    Row{X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, Reason::crl_invalid},
    Row{X509_V_ERR_OUT_OF_MEM, Reason::internal},
    Row{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, Reason::self_signed},
    Row{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, Reason::unknown_ca},
    Row{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, Reason::unknown_ca},
    Row{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, Reason::unknown_ca},
    Row{X509_V_ERR_CERT_CHAIN_TOO_LONG, Reason::depth},
    Row{X509_V_ERR_CERT_REVOKED, Reason::revoked},
    Row{X509_V_ERR_NO_ISSUER_PUBLIC_KEY, Reason::signature},
    Row{X509_V_ERR_PATH_LENGTH_EXCEEDED, Reason::path_length},
    Row{X509_V_ERR_INVALID_PURPOSE, Reason::purpose},
    Row{X509_V_ERR_CERT_UNTRUSTED, Reason::unknown_ca},
    Row{X509_V_ERR_CERT_REJECTED, Reason::unknown_ca},
    Row{X509_V_ERR_SUBJECT_ISSUER_MISMATCH, Reason::unknown_ca},
    Row{X509_V_ERR_AKID_SKID_MISMATCH, Reason::unknown_ca},
    Row{X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH, Reason::unknown_ca},
    Row{X509_V_ERR_KEYUSAGE_NO_CERTSIGN, Reason::signer_key_usage},
    Row{X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, Reason::crl_invalid},
    Row{X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, Reason::critical_extension},
    Row{X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, Reason::crl_invalid},
    Row{X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, Reason::crl_invalid},
    Row{X509_V_ERR_INVALID_NON_CA, Reason::purpose},
    Row{X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED, Reason::path_length},
    Row{X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE, Reason::purpose},
    Row{X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED, Reason::critical_extension},
    Row{X509_V_ERR_INVALID_EXTENSION, Reason::parse},
    Row{X509_V_ERR_INVALID_POLICY_EXTENSION, Reason::parse},
    Row{X509_V_ERR_NO_EXPLICIT_POLICY, Reason::purpose},
    Row{X509_V_ERR_DIFFERENT_CRL_SCOPE, Reason::crl_missing},
    Row{X509_V_ERR_UNSUPPORTED_EXTENSION_FEATURE, Reason::critical_extension},
    Row{X509_V_ERR_UNNESTED_RESOURCE, Reason::name_constraint},
    Row{X509_V_ERR_PERMITTED_VIOLATION, Reason::name_constraint},
    Row{X509_V_ERR_EXCLUDED_VIOLATION, Reason::name_constraint},
    Row{X509_V_ERR_SUBTREE_MINMAX, Reason::name_constraint},
    Row{X509_V_ERR_APPLICATION_VERIFICATION, Reason::internal},
    Row{X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, Reason::name_constraint},
    Row{X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, Reason::name_constraint},
    Row{X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, Reason::name_constraint},
    Row{X509_V_ERR_CRL_PATH_VALIDATION_ERROR, Reason::crl_invalid},
    Row{X509_V_ERR_PATH_LOOP, Reason::unknown_ca},
    Row{X509_V_ERR_SUITE_B_INVALID_VERSION, Reason::weak},
    Row{X509_V_ERR_SUITE_B_INVALID_ALGORITHM, Reason::weak},
    Row{X509_V_ERR_SUITE_B_INVALID_CURVE, Reason::weak},
    Row{X509_V_ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM, Reason::weak},
    Row{X509_V_ERR_SUITE_B_LOS_NOT_ALLOWED, Reason::weak},
    Row{X509_V_ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256, Reason::weak},
    Row{X509_V_ERR_HOSTNAME_MISMATCH, Reason::name_mismatch},
    Row{X509_V_ERR_EMAIL_MISMATCH, Reason::name_mismatch},
    Row{X509_V_ERR_IP_ADDRESS_MISMATCH, Reason::name_mismatch},
    Row{X509_V_ERR_DANE_NO_MATCH, Reason::unknown_ca},
    Row{X509_V_ERR_EE_KEY_TOO_SMALL, Reason::weak},
    Row{X509_V_ERR_CA_KEY_TOO_SMALL, Reason::weak},
    Row{X509_V_ERR_CA_MD_TOO_WEAK, Reason::weak},
    Row{X509_V_ERR_INVALID_CALL, Reason::internal},
    Row{X509_V_ERR_STORE_LOOKUP, Reason::internal},
    Row{X509_V_ERR_NO_VALID_SCTS, Reason::unknown_ca},
    Row{X509_V_ERR_PROXY_SUBJECT_NAME_VIOLATION, Reason::name_constraint},
    Row{X509_V_ERR_OCSP_VERIFY_NEEDED, Reason::crl_missing},
    Row{X509_V_ERR_OCSP_VERIFY_FAILED, Reason::crl_invalid},
    Row{X509_V_ERR_OCSP_CERT_UNKNOWN, Reason::revoked},
    Row{X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, Reason::signature},
    Row{X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, Reason::signature},
    Row{X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, Reason::signature},
    Row{X509_V_ERR_INVALID_CA, Reason::signer_ca},
    Row{X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA, Reason::signer_ca},
    Row{X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN, Reason::signer_key_usage},
    Row{X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA, Reason::signer_ca},
    Row{X509_V_ERR_ISSUER_NAME_EMPTY, Reason::parse},
    Row{X509_V_ERR_SUBJECT_NAME_EMPTY, Reason::parse},
    Row{X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, Reason::parse},
    Row{X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER, Reason::parse},
    Row{X509_V_ERR_EMPTY_SUBJECT_ALT_NAME, Reason::parse},
    Row{X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL, Reason::san_critical},
    Row{X509_V_ERR_CA_BCONS_NOT_CRITICAL, Reason::signer_ca},
    Row{X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL, Reason::parse},
    Row{X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL, Reason::parse},
    Row{X509_V_ERR_CA_CERT_MISSING_KEY_USAGE, Reason::signer_key_usage},
    Row{X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3, Reason::parse},
    Row{X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, Reason::weak},
};

constexpr bool rows_without_gap()
{
    for (size_t i = 0; i < rows.size(); ++i)
    {
        if (rows[i].error != static_cast<int>(i))
            return false;
    }
    return true;
}
static_assert(rows_without_gap());

}

Reason reason_of_x509_error(int error, size_t depth)
{
    if (error < 0 || static_cast<size_t>(error) >= rows.size())
        return Reason::internal; // a code of a later OpenSSL: refuse without guessing
    if (error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN && depth == 0)
        return Reason::self_signed;
    if (depth == 0 && error == X509_V_ERR_INVALID_CA)
        return Reason::purpose; // only a leaf that claims to be a proxy or half a CA ends here
    return rows[static_cast<size_t>(error)].reason;
}

}
