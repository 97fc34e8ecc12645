#pragma once

#include <optional>
#include <string>

#include <openssl/ssl.h>

namespace chmtls::host
{

/// The server name of the ClientHello being processed (RFC 6066 3), empty when none was sent; nothing when the extension is
/// malformed. For use in the ClientHello callback only: OpenSSL itself reads the extension later than we must know it.
std::optional<std::string> requested_server_name(SSL * ssl);

}
