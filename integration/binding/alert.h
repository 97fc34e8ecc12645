#pragma once

#include <cstdint>

namespace chmtls::host
{

/// OpenSSL derives the alert of a failed verification from the X509_V_ERR_* code and offers no other way to choose it. Gives the
/// code that makes it send `tls_alert` (AlertDescription, RFC 8446 6); for the alerts that no code leads to, the one nearest in
/// meaning.
int verification_error_for(uint32_t tls_alert) noexcept;

}
