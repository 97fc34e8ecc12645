#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.h"
#include "openssl/certificate.h"

namespace chmtls::openssl
{

/// A private key: its PKCS#8 DER in guarded memory. Immutable, shared; OpenSSL objects are made from it only for the time of use.
class PrivateKey
{
public:
    /// PEM (PKCS#8, encrypted PKCS#8, traditional forms); `passphrase` is used for encrypted ones and ignored otherwise.
    /// Errors never quote content. A missing or wrong passphrase says so and which setting gives it.
    [[nodiscard]] static Result<PrivateKey> from_pem(ByteView pem, const std::string & source, const SecretBytes & passphrase);
    [[nodiscard]] static Result<PrivateKey> from_key(EVP_PKEY * key, const std::string & source);

    [[nodiscard]] ByteView pkcs8() const;
    [[nodiscard]] Result<EvpPkeyPtr> open() const;
    /// Does the public half equal the certificate's key, and does that key verify a signature made with the private half?
    /// Costs one signature.
    [[nodiscard]] bool matches(const Certificate & certificate) const;

private:
    struct Shared;
    explicit PrivateKey(std::shared_ptr<const Shared> shared);
    std::shared_ptr<const Shared> shared_;
};

}
