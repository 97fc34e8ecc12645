#include <openssl/x509.h>

#include "openssl/error_queue.h"
#include "pki/encoding.h"
#include "pki/extensions.h"
#include "pki/issue.h"

namespace chmtls::pki
{

namespace
{

using namespace chmtls::openssl;

/// Takes back what serial_hex prints, a leading minus sign included.
BignumPtr serial_of(const std::string & hex)
{
    BIGNUM * number = nullptr;
    const int used = BN_hex2bn(&number, hex.c_str());
    BignumPtr owned(number);
    const bool whole = used > 0 && static_cast<size_t>(used) == hex.size();
    return whole ? std::move(owned) : nullptr;
}

X509RevokedPtr revoked_entry(const RevokedEntry & entry, UnixTime now)
{
    const BignumPtr number = serial_of(entry.serial_hex);
    if (!number)
        return nullptr;
    const Asn1IntegerPtr serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
    const Asn1TimePtr at(ASN1_TIME_set(nullptr, seconds_of(now + entry.at)));
    X509RevokedPtr revoked(X509_REVOKED_new());
    X509_REVOKED_set_serialNumber(revoked.get(), serial.get());
    X509_REVOKED_set_revocationDate(revoked.get(), at.get());
    return revoked;
}

bool add_number(X509_CRL * crl, int nid, uint64_t value, bool critical)
{
    const Asn1IntegerPtr number(ASN1_INTEGER_new());
    return ASN1_INTEGER_set_uint64(number.get(), value) == 1
           && X509_CRL_add1_ext_i2d(crl, nid, number.get(), critical ? 1 : 0, X509V3_ADD_APPEND) == 1;
}

bool add_extensions(X509_CRL * crl, const CrlSpec & spec, const X509 * issuer)
{
    const X509ExtensionPtr key_identifier = authority_key_identifier(issuer);
    if (key_identifier && X509_CRL_add_ext(crl, key_identifier.get(), -1) != 1)
        return false;
    if (!add_number(crl, NID_crl_number, spec.number, false))
        return false;
    return !spec.delta_base || add_number(crl, NID_delta_crl, *spec.delta_base, true);
}

}

Result<Bytes> issue_crl(const CrlSpec & spec, const Issued & issuer, UnixTime now)
{
    const ErrorScope errors;
    const X509CrlPtr crl(X509_CRL_new());
    const Asn1TimePtr this_update(ASN1_TIME_set(nullptr, seconds_of(now + spec.this_update)));
    const Asn1TimePtr next_update(ASN1_TIME_set(nullptr, seconds_of(now + spec.next_update)));
    X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate.x509()));
    X509_CRL_set1_lastUpdate(crl.get(), this_update.get());
    X509_CRL_set1_nextUpdate(crl.get(), next_update.get());
    for (const RevokedEntry & entry : spec.revoked)
    {
        X509RevokedPtr revoked = revoked_entry(entry, now);
        if (!revoked)
            return failure("serial " + entry.serial_hex, "is no hexadecimal number");
        X509_CRL_add0_revoked(crl.get(), revoked.release());
    }
    X509_CRL_sort(crl.get());
    if (!add_extensions(crl.get(), spec, issuer.certificate.x509()))
        return failure("CRL", "cannot be made: " + drain_errors());

    const auto key = issuer.key.open();
    if (!key)
        return fail(key.error());
    const auto digest = digest_for(key->get(), "SHA256");
    if (!digest)
        return fail(digest.error());
    if (X509_CRL_sign(crl.get(), key->get(), *digest) <= 0)
        return failure("CRL", "cannot be signed: " + drain_errors());
    return encoded<i2d_X509_CRL>(crl.get());
}

}
