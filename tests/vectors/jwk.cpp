#include "vectors/jwk.h"

#include <stdexcept>

#include <openssl/core_names.h>

namespace chmtls::test
{

namespace
{

std::string number(const EVP_PKEY * key, const char * parameter, size_t width = 0)
{
    BIGNUM * raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1)
        throw std::runtime_error(std::string("no ") + parameter);
    const openssl::BignumPtr value(raw);
    Bytes bytes(std::max(width, static_cast<size_t>(BN_num_bytes(value.get()))));
    BN_bn2binpad(value.get(), bytes.data(), static_cast<int>(bytes.size()));
    return json_text(base64url(bytes));
}

}

std::string base64(ByteView bytes)
{
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    out.resize(static_cast<size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char *>(out.data()), bytes.data(), static_cast<int>(bytes.size()))));
    return out;
}

std::string base64url(ByteView bytes)
{
    std::string out = base64(bytes);
    while (out.ends_with('='))
        out.pop_back();
    for (char & c : out)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

std::string json_text(const std::string & plain)
{
    return '"' + plain + '"';
}

std::string json_object(const std::map<std::string, std::string> & members)
{
    std::string out = "{";
    for (const auto & [name, value] : members)
        out += (out.size() > 1 ? "," : "") + json_text(name) + ":" + value;
    return out + "}";
}

std::string key_set(const std::string & entries, const std::string & more)
{
    return "{\"keys\":[" + entries + "]" + more + "}";
}

std::map<std::string, std::string> key_members(const openssl::Certificate & certificate)
{
    const EVP_PKEY * key = X509_get0_pubkey(certificate.x509());
    if (EVP_PKEY_is_a(key, "RSA") == 1)
        return {{"kty", json_text("RSA")}, {"n", number(key, OSSL_PKEY_PARAM_RSA_N)}, {"e", number(key, OSSL_PKEY_PARAM_RSA_E)}};
    if (EVP_PKEY_is_a(key, "EC") == 1)
    {
        const bool small = EVP_PKEY_get_bits(key) == 256;
        const size_t width = small ? 32 : 48;
        return {
            {"kty", json_text("EC")},
            {"crv", json_text(small ? "P-256" : "P-384")},
            {"x", number(key, OSSL_PKEY_PARAM_EC_PUB_X, width)},
            {"y", number(key, OSSL_PKEY_PARAM_EC_PUB_Y, width)}};
    }
    Bytes raw(32);
    size_t length = raw.size();
    if (EVP_PKEY_get_raw_public_key(key, raw.data(), &length) != 1)
        throw std::runtime_error("unexpected key");
    return {{"kty", json_text("OKP")}, {"crv", json_text("Ed25519")}, {"x", json_text(base64url(raw))}};
}

std::map<std::string, std::string> entry_members(const openssl::Certificate & certificate)
{
    auto members = key_members(certificate);
    members["use"] = json_text("x509-svid");
    members["x5c"] = "[" + json_text(base64(certificate.der())) + "]";
    return members;
}

}
