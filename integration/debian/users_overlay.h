#pragma once

#include <Poco/Util/AbstractConfiguration.h>

namespace chmtls::debian
{

/// ClickHouse 18.16 does not know users without a password and refuses to start when it meets one. Gives each user of `config`
/// that has neither <password> nor <password_sha256_hex> a random hash, to which nobody knows a password: the user exists, and
/// only a certificate lets anyone in. Throws Poco::Exception when the system gives no random bytes.
void close_to_passwords(Poco::Util::AbstractConfiguration & config);

/// A password that nobody knows, 256 bits. Throws as above.
std::string unknown_password();

}
