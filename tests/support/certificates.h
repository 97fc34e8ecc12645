#pragma once

// Certificates for tests, issued in process; a failure to issue one throws.

#include <string>
#include <utility>
#include <vector>

#include <openssl/ssl.h>

#include "pki/issue.h"

namespace chmtls::test
{

template <class T>
T value(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().reason);
    return std::move(*result);
}

/// A self-signed signing certificate.
[[nodiscard]] pki::Issued authority(const std::string & common_name);

/// A signing certificate below `parent`.
[[nodiscard]] pki::Issued intermediate(const std::string & common_name, const pki::Issued & parent);

[[nodiscard]] pki::Issued leaf(const pki::Spec & spec, const pki::Issued & issuer);

/// Good for TLS clients only.
[[nodiscard]] pki::Spec client_spec(const std::string & common_name);

/// Good for TLS servers only; `dns` is its DNS SAN.
[[nodiscard]] pki::Spec server_spec(const std::string & dns);

[[nodiscard]] std::string key_text(const pki::Issued & issued);

/// Presents `issued` and then `intermediates` in handshakes of `context`.
void present(SSL_CTX * context, const pki::Issued & issued, const std::vector<pki::Issued> & intermediates = {});

/// A plain OpenSSL side that believes `root` only.
void believe(SSL_CTX * context, const pki::Issued & root);

/// Common name of the subject of the certificate that the other side showed; empty when it showed none.
[[nodiscard]] std::string common_name_of_peer(const SSL * ssl);

}
