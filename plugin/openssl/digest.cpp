#include "openssl/digest.h"

#include <new>

#include <openssl/evp.h>

namespace chmtls::openssl
{

Digest32 sha256(ByteView bytes)
{
    // Fetched once and kept for the life of the process: an implicit fetch costs more than hashing a certificate.
    static const EVP_MD * const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    Digest32 out{};
    if (method == nullptr || EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, method, nullptr) != 1)
        throw std::bad_alloc();
    return out;
}

}
