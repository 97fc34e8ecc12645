#pragma once

// Revocation lists as no CrlSpec can describe them: made, changed and signed again.

#include <functional>

#include <openssl/x509v3.h>

#include "support/issue.h"

namespace chmtls::test
{

using CrlChange = std::function<void(X509_CRL *)>;

/// Signed again after `change`.
inline Bytes changed_crl(const pki::Issued & issuer, const pki::CrlSpec & spec, UnixTime now, const CrlChange & change)
{
    const Bytes der = must(pki::issue_crl(spec, issuer, now));
    const uint8_t * at = der.data();
    const openssl::X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    change(crl.get());
    const openssl::EvpPkeyPtr key = must(issuer.key.open());
    X509_CRL_sign(crl.get(), key.get(), EVP_sha256());
    uint8_t * out = nullptr;
    const int length = i2d_X509_CRL(crl.get(), &out);
    Bytes bytes(out, out + length);
    OPENSSL_free(out);
    return bytes;
}

inline CrlChange distribution_point(const std::function<void(ISSUING_DIST_POINT &)> & change)
{
    return [=](X509_CRL * crl)
    {
        ISSUING_DIST_POINT * point = ISSUING_DIST_POINT_new();
        change(*point);
        X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, 1, X509V3_ADD_DEFAULT);
        ISSUING_DIST_POINT_free(point);
    };
}

/// With a NULL for its value.
inline openssl::X509ExtensionPtr extension_of_null(const ASN1_OBJECT * object, int critical)
{
    const openssl::Asn1OctetStringPtr data(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(data.get(), reinterpret_cast<const unsigned char *>("\x05\x00"), 2);
    return openssl::X509ExtensionPtr(X509_EXTENSION_create_by_OBJ(nullptr, object, critical, data.get()));
}

/// One that nobody knows.
inline openssl::X509ExtensionPtr unknown(int critical)
{
    ASN1_OBJECT * object = OBJ_txt2obj("1.3.6.1.4.1.55744.9", 1);
    openssl::X509ExtensionPtr extension = extension_of_null(object, critical);
    ASN1_OBJECT_free(object);
    return extension;
}

inline CrlChange unknown_extension(int critical)
{
    return [=](X509_CRL * crl)
    {
        X509_CRL_add_ext(crl, unknown(critical).get(), -1);
    };
}

}
