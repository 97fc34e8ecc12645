#pragma once

#include <optional>
#include <string>

#include "openssl/certificate.h"

namespace chmtls::mapping
{

/// What rules look at: a verified certificate. Borrowed views; lives for one call.
struct Subject
{
    const openssl::CertificateFacts & facts;
    std::optional<std::string_view> spiffe_id;    ///< only when verified as an SVID
    std::optional<std::string_view> trust_domain; ///< likewise; it vouches for that ID and for no other name
    std::optional<Digest32> issuer_spki_sha256;   ///< key of the certificate that signed the leaf, on the verified path
};

}
