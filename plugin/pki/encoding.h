#pragma once

// What certificates and CRLs have in common when they are made.

#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "openssl/error_queue.h"
#include "pki/extensions.h"

namespace chmtls::pki
{

/// DER by one of OpenSSL's i2d functions.
template <auto Encode, typename T>
[[nodiscard]] Result<Bytes> encoded(T * object)
{
    Bytes der(static_cast<size_t>(std::max(Encode(object, nullptr), 0)));
    unsigned char * at = der.data();
    if (der.empty() || Encode(object, &at) <= 0)
        return failure("encoding", openssl::drain_errors());
    return der;
}

[[nodiscard]] inline int64_t seconds_of(UnixTime time)
{
    return time.time_since_epoch().count();
}

/// Positive and at most 16 bytes (RFC 5280 4.1.2.2); random when none is wanted.
[[nodiscard]] inline openssl::BignumPtr serial_number(const std::optional<uint64_t> & wanted)
{
    openssl::BignumPtr number(BN_new());
    if (!wanted)
        BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    std::array<uint8_t, 8> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<uint8_t>(wanted.value_or(0) >> (8 * (bytes.size() - 1 - i)));
    if (wanted)
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), number.get());
    return number;
}

/// EdDSA brings its own digest (RFC 8410), which null stands for.
[[nodiscard]] inline Result<const EVP_MD *> digest_for(const EVP_PKEY * key, const std::string & name)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        return nullptr;
    const EVP_MD * const digest = EVP_get_digestbyname(name.c_str());
    if (digest == nullptr)
        return failure("digest " + name, "is unknown");
    return digest;
}

}
