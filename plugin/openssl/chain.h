#pragma once

#include "openssl/certificate.h"

namespace chmtls::openssl
{

/// Is `issuer` named as the issuer of `subject`, with key identifiers that agree, and does its key verify the signature
/// (RFC 5280 6.1.3 a)? Says nothing about dates, or about whether `issuer` may sign. A bad signature is a plain no.
[[nodiscard]] bool issued_by(const Certificate & subject, const Certificate & issuer);

/// Same name as subject and issuer, and signed by its own key.
[[nodiscard]] bool is_self_signed(const Certificate & certificate);

}
