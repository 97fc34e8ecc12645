#include "users_overlay.h"

#include <array>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <Poco/Exception.h>

namespace chmtls::debian
{

namespace
{

using Bytes32 = std::array<unsigned char, 32>;

std::string hex_of(const Bytes32 & bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const auto byte : bytes)
    {
        hex += digits[byte >> 4];
        hex += digits[byte & 0xF];
    }
    return hex;
}

}

std::string sha256_hex(const std::string & text)
{
    Bytes32 digest{};
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw Poco::RuntimeException("clickhouse-mtls: OpenSSL has no SHA-256");
    return hex_of(digest);
}

std::string unknown_password()
{
    Bytes32 bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw Poco::RuntimeException("clickhouse-mtls: the system gives no random bytes");
    return hex_of(bytes);
}

const std::string & closed_password()
{
    static const std::string made = unknown_password();
    return made;
}

void close_to_passwords(Poco::Util::AbstractConfiguration & config)
{
    Poco::Util::AbstractConfiguration::Keys users;
    config.keys("users", users);
    for (const auto & user : users)
    {
        const auto path = "users." + user;
        if (!config.has(path + ".password") && !config.has(path + ".password_sha256_hex"))
            config.setString(path + ".password_sha256_hex", sha256_hex(closed_password()));
    }
}

}
