#pragma once

// JSON Web Keys of certificates, as a publisher of a trust bundle writes them.

#include <map>
#include <string>

#include "openssl/certificate.h"

namespace chmtls::test
{

/// RFC 4648 4 and 5.
[[nodiscard]] std::string base64(ByteView bytes);
[[nodiscard]] std::string base64url(ByteView bytes);

/// kty and n/e, crv/x/y or crv/x of the certificate's key, each as JSON text.
[[nodiscard]] std::map<std::string, std::string> key_members(const openssl::Certificate & certificate);

/// All members of a good x509-svid entry.
[[nodiscard]] std::map<std::string, std::string> entry_members(const openssl::Certificate & certificate);

[[nodiscard]] std::string json_object(const std::map<std::string, std::string> & members);
[[nodiscard]] std::string json_text(const std::string & plain); ///< quoted; nothing in it needs an escape

/// {"keys":[...]}
[[nodiscard]] std::string key_set(const std::string & entries, const std::string & more = {});

}
