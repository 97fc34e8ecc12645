#pragma once

#include "base/bytes.h"

namespace chmtls::openssl
{

/// SHA-256 (FIPS 180-4). Throws std::bad_alloc when OpenSSL cannot.
[[nodiscard]] Digest32 sha256(ByteView bytes);

}
