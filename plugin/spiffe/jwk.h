#pragma once

#include "openssl/certificate.h"
#include "spiffe/json.h"

namespace chmtls::spiffe
{

/// Key types that an X.509 authority can have: "RSA", "EC" (RFC 7518 6), "OKP" (RFC 8037).
[[nodiscard]] bool is_known_key_type(std::string_view kty);

/// Is the key that the entry's members (n/e, crv/x/y, crv/x) describe the certificate's key? (RFC 7517 4.7)
[[nodiscard]] bool describes_key_of(const JsonObject & entry, const openssl::Certificate & certificate);

}
