#include <binding/alert.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace chmtls::host
{

int verification_error_for(uint32_t tls_alert) noexcept
{
    switch (tls_alert)
    {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_ACCESS_DENIED:        // no code leads to it
    case SSL_AD_CERTIFICATE_REQUIRED: // no code leads to it, and TLS 1.2 says handshake_failure
        return X509_V_ERR_APPLICATION_VERIFICATION;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_ILLEGAL_PARAMETER: // no code leads to it
    case SSL_AD_DECODE_ERROR:      // no code leads to it
        return X509_V_ERR_CERT_REJECTED;
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return X509_V_ERR_INVALID_PURPOSE;
    case SSL_AD_CERTIFICATE_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case SSL_AD_CERTIFICATE_EXPIRED:
        return X509_V_ERR_CERT_HAS_EXPIRED;
    case SSL_AD_UNKNOWN_CA:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case SSL_AD_DECRYPT_ERROR:
        return X509_V_ERR_CERT_SIGNATURE_FAILURE;
    case SSL_AD_INTERNAL_ERROR:
        return X509_V_ERR_UNSPECIFIED;
    default:
        // A code that OpenSSL's mapping does not list: certificate_unknown, "some other (unspecified) issue".
        return X509_V_ERR_PERMITTED_VIOLATION;
    }
}

}
