#pragma once

#include <vector>

#include "openssl/certificate.h"

namespace chmtls::trust
{

/// The authorities that OpenSSL trusts by default on this machine: its certificate file and its directory of hashed names, or
/// what SSL_CERT_FILE and SSL_CERT_DIR say instead. Read at once, so that verification does no I/O. What is missing or cannot be
/// read is left out, as OpenSSL does; nothing at all gives an empty list.
[[nodiscard]] std::vector<openssl::Certificate> system_authorities();

}
