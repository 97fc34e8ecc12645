#pragma once

#include <string>

#include "base/result.h"
#include "openssl/certificate.h"

namespace chmtls::cli
{

/// A SPIFFE trust bundle (JWK Set, X509-SVID 6.1) with one authority. RSA, EC and Ed25519 keys.
[[nodiscard]] Result<std::string> bundle_json(const openssl::Certificate & authority, uint64_t sequence);

}
