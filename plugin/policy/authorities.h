#pragma once

#include <vector>

#include "generation/generation.h"

namespace chmtls::policy
{

/// DER-encoded X.501 Names of the authorities that a listener's clients may come from, each once, for the CertificateRequest
/// (RFC 8446 4.2.4, RFC 5246 7.4.4). Empty means "any": also when the system's authorities count as well, or when the list would
/// be too long for a handshake message. Clients choose a certificate by it; it decides nothing.
[[nodiscard]] std::vector<Bytes> authority_names(const generation::Generation & generation, const config::Listener & listener);

}
