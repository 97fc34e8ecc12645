#include "users_overlay.h"

#include <array>
#include <string_view>

#include <openssl/rand.h>

#include <Poco/Exception.h>

namespace chmtls::debian
{

std::string unknown_password()
{
    std::array<unsigned char, 32> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw Poco::RuntimeException("clickhouse-mtls: the system gives no random bytes");
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const auto byte : bytes)
    {
        hex += digits[byte >> 4];
        hex += digits[byte & 0xF];
    }
    return hex;
}

void close_to_passwords(Poco::Util::AbstractConfiguration & config)
{
    Poco::Util::AbstractConfiguration::Keys users;
    config.keys("users", users);
    for (const auto & user : users)
    {
        const auto path = "users." + user;
        if (!config.has(path + ".password") && !config.has(path + ".password_sha256_hex"))
            config.setString(path + ".password_sha256_hex", unknown_password());
    }
}

}
