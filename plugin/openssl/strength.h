#pragma once

#include "openssl/certificate.h"

namespace chmtls::openssl
{

enum class KeyKind : uint8_t
{
    rsa,   ///< RSA, RSA-PSS
    curve, ///< on an elliptic curve, EdDSA included
    other,
};

struct KeyStrength
{
    KeyKind kind = KeyKind::other;
    uint64_t bits = 0;
    std::string curve; ///< "P-256", "P-384", "P-521", "ED25519", "ED448", else OpenSSL's name
};

[[nodiscard]] KeyStrength key_strength(const Certificate & certificate);

/// Of a key on a named curve: "P-256", "P-384", "P-521", else OpenSSL's name.
[[nodiscard]] std::string curve_name(const EVP_PKEY * key);

/// The hash function of the signature on the certificate, "SHA256"; empty for a signature that has its own built in (EdDSA).
/// "unknown" when OpenSSL does not know the algorithm.
[[nodiscard]] std::string signature_hash(const Certificate & certificate);

}
