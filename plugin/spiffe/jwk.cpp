#include "spiffe/jwk.h"

#include <algorithm>
#include <array>

#include <openssl/core_names.h>

#include "openssl/error_queue.h"
#include "spiffe/base64.h"

namespace chmtls::spiffe
{

namespace
{

struct Curve
{
    std::string_view crv;
    std::string_view group;
};

// RFC 7518 6.2.1.1 and RFC 8812 3.1.
constexpr std::array curves{
    Curve{"P-256", "prime256v1"},
    Curve{"P-384", "secp384r1"},
    Curve{"P-521", "secp521r1"},
    Curve{"secp256k1", "secp256k1"},
};

std::string_view text_member(const JsonObject & entry, std::string_view name)
{
    const JsonValue * member = entry.find(name);
    const std::string * text = member == nullptr ? nullptr : member->as<std::string>();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

bool number_equals(const JsonObject & entry, std::string_view member, const EVP_PKEY * key, const char * parameter)
{
    const auto bytes = decode_base64url(text_member(entry, member));
    if (!bytes || bytes->empty())
        return false;
    BIGNUM * raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1)
        return false;
    const openssl::BignumPtr expected(raw);
    const openssl::BignumPtr given(BN_bin2bn(bytes->data(), static_cast<int>(bytes->size()), nullptr));
    return given && BN_cmp(given.get(), expected.get()) == 0;
}

bool rsa_equals(const JsonObject & entry, const EVP_PKEY * key)
{
    return number_equals(entry, "n", key, OSSL_PKEY_PARAM_RSA_N) && number_equals(entry, "e", key, OSSL_PKEY_PARAM_RSA_E);
}

bool ec_equals(const JsonObject & entry, const EVP_PKEY * key)
{
    std::array<char, 64> group{};
    size_t length = 0;
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1)
        return false;
    const auto curve = std::ranges::find(curves, text_member(entry, "crv"), &Curve::crv);
    if (curve == curves.end() || curve->group != std::string_view(group.data(), length))
        return false;
    return number_equals(entry, "x", key, OSSL_PKEY_PARAM_EC_PUB_X) && number_equals(entry, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y);
}

bool edwards_equals(const JsonObject & entry, const EVP_PKEY * key)
{
    const std::string_view curve = EVP_PKEY_is_a(key, "ED25519") == 1 ? "Ed25519"
                                   : EVP_PKEY_is_a(key, "ED448") == 1 ? "Ed448"
                                                                      : "";
    if (curve.empty() || text_member(entry, "crv") != curve)
        return false;
    const auto given = decode_base64url(text_member(entry, "x"));
    std::array<uint8_t, 64> expected{};
    size_t length = expected.size();
    return given && EVP_PKEY_get_raw_public_key(key, expected.data(), &length) == 1
           && std::ranges::equal(*given, std::span(expected).first(length));
}

}

bool is_known_key_type(std::string_view kty)
{
    return kty == "RSA" || kty == "EC" || kty == "OKP";
}

bool describes_key_of(const JsonObject & entry, const openssl::Certificate & certificate)
{
    const EVP_PKEY * key = X509_get0_pubkey(certificate.x509());
    if (key == nullptr)
        return false;
    const std::string_view kty = text_member(entry, "kty");
    openssl::clear_errors();
    bool same = false;
    if (kty == "RSA")
        same = (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) && rsa_equals(entry, key);
    else if (kty == "EC")
        same = EVP_PKEY_is_a(key, "EC") == 1 && ec_equals(entry, key);
    else if (kty == "OKP")
        same = edwards_equals(entry, key);
    openssl::clear_errors();
    return same;
}

}
