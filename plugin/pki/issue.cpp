#include "pki/issue.h"

#include <openssl/rsa.h>

#include "openssl/error_queue.h"
#include "pki/encoding.h"
#include "pki/extensions.h"

namespace chmtls::pki
{

namespace
{

using namespace chmtls::openssl;

EvpPkeyPtr make_key(KeyKind kind)
{
    switch (kind)
    {
    case KeyKind::ec_p256:
        return EvpPkeyPtr(EVP_EC_gen("P-256"));
    case KeyKind::ec_p384:
        return EvpPkeyPtr(EVP_EC_gen("P-384"));
    case KeyKind::rsa_1024:
        return EvpPkeyPtr(EVP_RSA_gen(1024));
    case KeyKind::rsa_2048:
        return EvpPkeyPtr(EVP_RSA_gen(2048));
    case KeyKind::rsa_3072:
        return EvpPkeyPtr(EVP_RSA_gen(3072));
    case KeyKind::ed25519:
        return EvpPkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    }
    return nullptr;
}

Result<Bytes> sign(const Spec & spec, EVP_PKEY * key, EVP_PKEY * signing_key, const X509 * issuer, UnixTime now)
{
    const ErrorScope errors;
    const X509Ptr made(X509_new());
    auto subject = make_name(spec.subject);
    if (!subject)
        return fail(std::move(subject.error()));
    const BignumPtr serial = serial_number(spec.serial);
    X509 * const x509 = made.get();
    const bool prepared
        = X509_set_version(x509, X509_VERSION_3) == 1 && BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509)) != nullptr
          && X509_set_subject_name(x509, subject->get()) == 1
          && X509_set_issuer_name(x509, issuer == nullptr ? subject->get() : X509_get_subject_name(issuer)) == 1
          && ASN1_TIME_set(X509_getm_notBefore(x509), seconds_of(spec.not_before_at.value_or(now + spec.not_before))) != nullptr
          && ASN1_TIME_set(X509_getm_notAfter(x509), seconds_of(spec.not_after_at.value_or(now + spec.not_after))) != nullptr
          && X509_set_pubkey(x509, key) == 1;
    if (!prepared)
        return failure("certificate", "cannot be made: " + drain_errors());
    if (auto extended = add_extensions(x509, spec, issuer); !extended)
        return fail(std::move(extended.error()));
    const auto digest = digest_for(signing_key, spec.digest);
    if (!digest)
        return fail(digest.error());
    if (X509_sign(x509, signing_key, *digest) <= 0)
        return failure("certificate", "cannot be signed: " + drain_errors());
    return encoded<i2d_X509>(x509);
}

Result<Bytes> der_for_key(const Spec & spec, const PrivateKey & key, const Issued * issuer, UnixTime now)
{
    const auto own = key.open();
    if (!own)
        return fail(own.error());
    if (issuer == nullptr)
        return sign(spec, own->get(), own->get(), nullptr, now);
    const auto signing = issuer->key.open();
    if (!signing)
        return fail(signing.error());
    return sign(spec, own->get(), signing->get(), issuer->certificate.x509(), now);
}

Result<Issued> issue_new(const Spec & spec, const Issued * issuer, UnixTime now)
{
    const auto key = generate_key(spec.key);
    if (!key)
        return fail(key.error());
    return issue_for_key(spec, *key, issuer, now);
}

}

Spec Spec::authority(const std::string & common_name)
{
    Spec spec;
    spec.subject = {{"CN", common_name}};
    spec.ca = true;
    spec.key_usages = {"keyCertSign", "cRLSign"};
    spec.extended_key_usage = false;
    return spec;
}

Result<PrivateKey> generate_key(KeyKind kind)
{
    const ErrorScope errors;
    const EvpPkeyPtr key = make_key(kind);
    if (!key)
        return failure("key", "cannot be made: " + drain_errors());
    return PrivateKey::from_key(key.get(), "new key");
}

Result<Issued> self_signed(const Spec & spec, UnixTime now)
{
    return issue_new(spec, nullptr, now);
}

Result<Issued> issue(const Spec & spec, const Issued & issuer, UnixTime now)
{
    return issue_new(spec, &issuer, now);
}

Result<Issued> issue_for_key(const Spec & spec, const PrivateKey & key, const Issued * issuer, UnixTime now)
{
    const auto der = der_for_key(spec, key, issuer, now);
    if (!der)
        return fail(der.error());
    auto certificate = Certificate::from_der(*der);
    if (!certificate)
        return fail(std::move(certificate.error()));
    return Issued{.certificate = std::move(*certificate), .key = key};
}

Result<Bytes> issue_der(const Spec & spec, const Issued * issuer, UnixTime now)
{
    const auto key = generate_key(spec.key);
    if (!key)
        return fail(key.error());
    return der_for_key(spec, *key, issuer, now);
}

}
