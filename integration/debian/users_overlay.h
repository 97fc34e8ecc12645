#pragma once

#include <Poco/Util/AbstractConfiguration.h>

namespace chmtls::debian
{

/// ClickHouse 18.16 does not know users without a password and refuses to start when it meets one. Gives each user of `config`
/// that has neither <password> nor <password_sha256_hex> the hash of closed_password(): the user exists, and only a certificate
/// lets anyone in. Throws Poco::Exception when the system gives no random bytes.
void close_to_passwords(Poco::Util::AbstractConfiguration & config);

/// 256 random bits that this process alone knows and never tells; of no use once it has ended. Throws as above.
const std::string & closed_password();

/// In small letters. Throws Poco::Exception when OpenSSL has no SHA-256.
std::string sha256_hex(const std::string & text);

/// A password that nobody knows, 256 bits. Throws as above.
std::string unknown_password();

}
