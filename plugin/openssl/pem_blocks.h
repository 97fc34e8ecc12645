#pragma once

// Not named pem.h: <openssl/pem.h> must go on meaning OpenSSL's own header.

#include <string>
#include <vector>

#include "base/secret.h"
#include "openssl/certificate.h"

namespace chmtls::openssl
{

/// What to do with PEM blocks that are no certificates (keys, parameters).
enum class OtherBlocks
{
    skip,
    refuse,
};

/// All CERTIFICATE (also TRUSTED / X509 CERTIFICATE) blocks in order; X509_check_trust() sees the uses that a TRUSTED one names.
/// Text around them, indentation and a byte order mark do not matter (find_pem_blocks). A damaged block fails the whole with its
/// number; so do no block at all and none that is a certificate; an empty input gives an empty list. `source` names the input in
/// errors.
[[nodiscard]] Result<std::vector<Certificate>>
certificates_from_pem(ByteView pem, const std::string & source, OtherBlocks others = OtherBlocks::skip);

/// PEM, or when there is no PEM block in it, one DER certificate.
[[nodiscard]] Result<std::vector<Certificate>> certificates_from_pem_or_der(ByteView bytes, const std::string & source);

/// One DER certificate after the other, nothing between or behind (Workload API form).
[[nodiscard]] Result<std::vector<Certificate>> certificates_from_concatenated_der(ByteView bytes, const std::string & source);

[[nodiscard]] std::string to_pem(const Certificate & certificate);

}
