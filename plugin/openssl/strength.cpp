#include "openssl/strength.h"

#include <algorithm>
#include <array>

#include <openssl/evp.h>
#include <openssl/objects.h>

#include "openssl/error_mark.h"

namespace chmtls::openssl
{

std::string curve_name(const EVP_PKEY * key)
{
    std::array<char, 64> group{};
    size_t length = 0;
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1)
        return "unnamed curve";
    const std::string name(group.data(), length);
    if (name == SN_X9_62_prime256v1)
        return "P-256";
    if (name == SN_secp384r1)
        return "P-384";
    if (name == SN_secp521r1)
        return "P-521";
    return name;
}

KeyStrength key_strength(const Certificate & certificate)
{
    const ErrorMark mark;
    const EVP_PKEY * const key = X509_get0_pubkey(certificate.x509());
    if (key == nullptr)
        return {};
    const auto bits = static_cast<uint64_t>(std::max(EVP_PKEY_get_bits(key), 0));
    switch (EVP_PKEY_get_base_id(key))
    {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return {KeyKind::rsa, bits, {}};
    case EVP_PKEY_EC:
        return {KeyKind::curve, bits, curve_name(key)};
    case EVP_PKEY_ED25519:
        return {KeyKind::curve, bits, "ED25519"};
    case EVP_PKEY_ED448:
        return {KeyKind::curve, bits, "ED448"};
    default:
        return {KeyKind::other, bits, {}};
    }
}

std::string signature_hash(const Certificate & certificate)
{
    const ErrorMark mark;
    int hash = NID_undef;
    int algorithm = NID_undef;
    const bool known = X509_get_signature_info(certificate.x509(), &hash, &algorithm, nullptr, nullptr) == 1;
    if (!known || hash == NID_undef)
        return algorithm == NID_ED25519 || algorithm == NID_ED448 ? "" : "unknown";
    return OBJ_nid2sn(hash);
}

}
