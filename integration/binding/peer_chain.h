#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include <clickhouse_mtls/plugin.h>

namespace chmtls::host
{

/// Certificates as DER, in one allocation.
class DerChain
{
public:
    /// Appends one certificate; false: it cannot be encoded, or memory ran out.
    bool add(const X509 * certificate) noexcept;

    /// Appends one certificate that is DER already.
    bool add(chmtls_bytes der) noexcept;

    /// Borrowed until the next change.
    const std::vector<chmtls_bytes> & items();

private:
    std::vector<unsigned char> bytes_;
    std::vector<std::pair<size_t, size_t>> ranges_;
    std::vector<chmtls_bytes> items_;
};

/// "192.0.2.1:9440" or "[2001:db8::1]:9440" of the other end of the SSL's socket; empty when there is none.
std::string remote_address_of(const SSL * ssl);

}
