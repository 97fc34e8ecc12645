#include "openssl/chain.h"

#include "openssl/error_queue.h"

namespace chmtls::openssl
{

bool issued_by(const Certificate & subject, const Certificate & issuer)
{
    const ErrorScope errors;
    return verified(
        [&]
        {
            const int relation = X509_check_issued(issuer.x509(), subject.x509());
            // Whether the issuer may sign certificates is another question, with an answer of its own.
            if (relation != X509_V_OK && relation != X509_V_ERR_KEYUSAGE_NO_CERTSIGN)
                return false;
            EVP_PKEY * const key = X509_get0_pubkey(issuer.x509());
            return key != nullptr && X509_verify(subject.x509(), key) == 1;
        });
}

bool is_self_signed(const Certificate & certificate)
{
    return issued_by(certificate, certificate);
}

}
