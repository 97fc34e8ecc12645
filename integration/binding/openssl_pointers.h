#pragma once

// Owning pointers for the OpenSSL objects of the binding.

#include <memory>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace chmtls::host
{

template <auto free_function>
struct FreeWith
{
    template <class T>
    void operator()(T * object) const noexcept
    {
        free_function(object);
    }
};

// The stack functions are macros or templates over casts: they have no address.
struct FreeCertificates
{
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};

struct FreeNames
{
    void operator()(STACK_OF(X509_NAME) * stack) const noexcept { sk_X509_NAME_pop_free(stack, X509_NAME_free); }
};

using CipherPtr = std::unique_ptr<EVP_CIPHER, FreeWith<&EVP_CIPHER_free>>;
using KeyInfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeWith<&PKCS8_PRIV_KEY_INFO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<&X509_free>>;
using NamePtr = std::unique_ptr<X509_NAME, FreeWith<&X509_NAME_free>>;
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), FreeCertificates>;
using NamesPtr = std::unique_ptr<STACK_OF(X509_NAME), FreeNames>;

}
