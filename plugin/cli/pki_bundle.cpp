#include "cli/pki_bundle.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "cli/json.h"
#include "openssl/error_queue.h"
#include "openssl/pointers.h"

namespace chmtls::cli
{

namespace
{

constexpr uint64_t refresh_hint_seconds = 300; // SPIFFE Trust Domain and Bundle 6.1

std::string base64(ByteView bytes)
{
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int length
        = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
    out.resize(static_cast<size_t>(length));
    return out;
}

/// RFC 7515 2: URL-safe alphabet, no padding.
std::string base64url(ByteView bytes)
{
    std::string out = base64(bytes);
    for (char & character : out)
        character = character == '+' ? '-' : character == '/' ? '_' : character;
    out.erase(std::find(out.begin(), out.end(), '='), out.end());
    return out;
}

/// A big-endian number of the key, padded to `width` bytes (0: as short as it is); empty when there is none.
std::string number(const EVP_PKEY * key, const char * name, size_t width)
{
    BIGNUM * raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &raw) != 1)
        return {};
    const openssl::BignumPtr value(raw);
    const auto length = static_cast<size_t>(BN_num_bytes(value.get()));
    Bytes bytes(std::max(width, length));
    if (BN_bn2binpad(value.get(), bytes.data(), static_cast<int>(bytes.size())) < 0)
        return {};
    return base64url(bytes);
}

bool add_ec(JsonObject & jwk, const EVP_PKEY * key)
{
    struct Curve
    {
        int bits;
        const char * name;
        size_t width;
    };
    static constexpr Curve curves[] = {{256, "P-256", 32}, {384, "P-384", 48}, {521, "P-521", 66}}; // RFC 7518 6.2.1
    for (const Curve & curve : curves)
    {
        if (EVP_PKEY_get_bits(key) != curve.bits)
            continue;
        const std::string x = number(key, OSSL_PKEY_PARAM_EC_PUB_X, curve.width);
        const std::string y = number(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve.width);
        jwk.text("kty", "EC").text("crv", curve.name).text("x", x).text("y", y);
        return !x.empty() && !y.empty();
    }
    return false;
}

bool add_rsa(JsonObject & jwk, const EVP_PKEY * key)
{
    const std::string modulus = number(key, OSSL_PKEY_PARAM_RSA_N, 0);
    const std::string exponent = number(key, OSSL_PKEY_PARAM_RSA_E, 0);
    jwk.text("kty", "RSA").text("n", modulus).text("e", exponent);
    return !modulus.empty() && !exponent.empty();
}

/// RFC 8037 2
bool add_ed25519(JsonObject & jwk, const EVP_PKEY * key)
{
    std::array<uint8_t, 32> point{};
    size_t length = point.size();
    if (EVP_PKEY_get_raw_public_key(key, point.data(), &length) != 1)
        return false;
    jwk.text("kty", "OKP").text("crv", "Ed25519").text("x", base64url({point.data(), length}));
    return true;
}

bool add_key(JsonObject & jwk, const EVP_PKEY * key)
{
    switch (EVP_PKEY_get_base_id(key))
    {
    case EVP_PKEY_EC:
        return add_ec(jwk, key);
    case EVP_PKEY_RSA:
        return add_rsa(jwk, key);
    case EVP_PKEY_ED25519:
        return add_ed25519(jwk, key);
    default:
        return false;
    }
}

}

Result<std::string> bundle_json(const openssl::Certificate & authority, uint64_t sequence)
{
    openssl::clear_errors();
    JsonObject jwk;
    jwk.text("use", "x509-svid");
    const EVP_PKEY * key = X509_get0_pubkey(authority.x509());
    if (key == nullptr || !add_key(jwk, key))
        return fail({
            .file = {},
            .field = "bundle",
            .reason = "the authority's key cannot be written as a JWK: " + openssl::drain_errors(),
            .remedy = "use an EC, RSA or Ed25519 key",
            .code = {},
        });
    jwk.raw("x5c", json_array({json_string(base64(authority.der()))}));

    JsonObject bundle;
    bundle.raw("keys", json_array({jwk.str()}))
        .number("spiffe_sequence", sequence)
        .number("spiffe_refresh_hint", refresh_hint_seconds);
    return bundle.str() + "\n";
}

}
