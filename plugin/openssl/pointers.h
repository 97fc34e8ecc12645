#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace chmtls::openssl
{

/// Calls an OpenSSL free function as a deleter; costs nothing.
template <auto Free>
struct Freed
{
    template <typename T>
    void operator()(T * object) const noexcept
    {
        Free(object);
    }
};

inline void free_certificate_stack(STACK_OF(X509) * stack)
{
    sk_X509_pop_free(stack, X509_free);
}

inline void free_crl_stack(STACK_OF(X509_CRL) * stack)
{
    sk_X509_CRL_pop_free(stack, X509_CRL_free);
}

inline void free_certificate_list(STACK_OF(X509) * stack)
{
    sk_X509_free(stack);
}

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using X509StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
using X509ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using X509RevokedPtr = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;
using VerifyParamPtr = std::unique_ptr<X509_VERIFY_PARAM, Freed<X509_VERIFY_PARAM_free>>;
using EvpPkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using EvpPkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using EvpMdCtxPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using Asn1IntegerPtr = std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>>;
using Asn1TimePtr = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using Asn1OctetStringPtr = std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

/// Owns its certificates (sk_X509_pop_free).
using OwnedCertificateStack = std::unique_ptr<STACK_OF(X509), Freed<free_certificate_stack>>;
/// Borrows them (sk_X509_free).
using CertificateList = std::unique_ptr<STACK_OF(X509), Freed<free_certificate_list>>;
using OwnedCrlStack = std::unique_ptr<STACK_OF(X509_CRL), Freed<free_crl_stack>>;

}
