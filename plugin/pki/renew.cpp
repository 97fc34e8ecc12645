#include "pki/renew.h"

#include <array>

#include "openssl/error_queue.h"
#include "pki/encoding.h"
#include "pki/extensions.h"

namespace chmtls::pki
{

namespace
{

using namespace chmtls::openssl;

/// Takes both key identifiers away; those of the new keys come in their place.
void drop_key_identifiers(X509 * certificate)
{
    for (const int nid : {NID_subject_key_identifier, NID_authority_key_identifier})
        for (int at = X509_get_ext_by_NID(certificate, nid, -1); at >= 0; at = X509_get_ext_by_NID(certificate, nid, -1))
            X509_EXTENSION_free(X509_delete_ext(certificate, at));
}

Result<Bytes> sign_again(X509 * x509, EVP_PKEY * key, EVP_PKEY * signing_key, const X509 * issuer)
{
    drop_key_identifiers(x509);
    Spec identifiers;
    identifiers.basic_constraints = identifiers.key_usage = identifiers.extended_key_usage = false;
    const bool prepared = X509_set_pubkey(x509, key) == 1 && X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1;
    if (!prepared)
        return failure("certificate", "cannot be made: " + drain_errors());
    if (auto extended = add_extensions(x509, identifiers, issuer); !extended)
        return fail(std::move(extended.error()));
    const auto digest = digest_for(signing_key, "SHA256");
    if (!digest)
        return fail(digest.error());
    if (X509_sign(x509, signing_key, *digest) <= 0)
        return failure("certificate", "cannot be signed: " + drain_errors());
    return encoded<i2d_X509>(x509);
}

}

Result<Issued>
renew(const Certificate & old, const PrivateKey & key, const Issued & issuer, UnixTime not_before, UnixTime not_after)
{
    const ErrorScope errors;
    const X509Ptr x509(X509_dup(old.x509()));
    const auto own = key.open();
    if (!own)
        return fail(own.error());
    const auto signing = issuer.key.open();
    if (!signing)
        return fail(signing.error());
    const BignumPtr serial = serial_number(std::nullopt);
    const bool prepared = x509 && serial && BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509.get())) != nullptr
                          && ASN1_TIME_set(X509_getm_notBefore(x509.get()), seconds_of(not_before)) != nullptr
                          && ASN1_TIME_set(X509_getm_notAfter(x509.get()), seconds_of(not_after)) != nullptr;
    if (!prepared)
        return failure("certificate", "cannot be made: " + drain_errors());
    const auto der = sign_again(x509.get(), own->get(), signing->get(), issuer.certificate.x509());
    if (!der)
        return fail(der.error());
    auto certificate = Certificate::from_der(*der);
    if (!certificate)
        return fail(std::move(certificate.error()));
    return Issued{.certificate = std::move(*certificate), .key = key};
}

std::optional<KeyKind> kind_of_key(const Certificate & certificate)
{
    static constexpr std::array<std::pair<std::string_view, KeyKind>, 5> kinds{{
        {"EC P-256", KeyKind::ec_p256},
        {"EC P-384", KeyKind::ec_p384},
        {"RSA 2048", KeyKind::rsa_2048},
        {"RSA 3072", KeyKind::rsa_3072},
        {"ED25519", KeyKind::ed25519},
    }};
    for (const auto & [name, kind] : kinds)
        if (certificate.facts().public_key == name)
            return kind;
    return std::nullopt;
}

}
