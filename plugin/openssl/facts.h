#pragma once

#include "openssl/certificate.h"

namespace chmtls::openssl
{

/// Everything that is dear to find out. `not_before` and `not_after` are left to the caller, which has read them already.
[[nodiscard]] CertificateFacts read_facts(const X509 * certificate, ByteView der);

}
