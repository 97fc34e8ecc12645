#include <new>

#include <openssl/pem.h>

#include "openssl/error_queue.h"
#include "openssl/pem_blocks.h"
#include "pki/issue.h"

namespace chmtls::pki
{

namespace
{

using namespace chmtls::openssl;

ByteView content(BIO * memory)
{
    char * data = nullptr;
    const long length = BIO_get_mem_data(memory, &data);
    return {reinterpret_cast<const uint8_t *>(data), static_cast<size_t>(length)};
}

}

std::string certificate_pem(const Certificate & certificate)
{
    return to_pem(certificate);
}

std::string chain_pem(const std::vector<Certificate> & chain)
{
    std::string pem;
    for (const Certificate & certificate : chain)
        pem += to_pem(certificate);
    return pem;
}

std::string crl_pem(ByteView der)
{
    const ErrorScope errors;
    const BioPtr output(BIO_new(BIO_s_mem()));
    if (!output || PEM_write_bio(output.get(), PEM_STRING_X509_CRL, "", der.data(), static_cast<long>(der.size())) <= 0)
        throw std::bad_alloc();
    return std::string(as_text(content(output.get())));
}

SecretBytes key_pem(const PrivateKey & key, const std::string & passphrase)
{
    const ErrorScope errors;
    const auto opened = key.open();
    const BioPtr output(BIO_new(BIO_s_mem())); // wipes its buffer when it is freed
    if (!opened || !output)
        throw std::bad_alloc();
    const bool encrypt = !passphrase.empty();
    const int written = PEM_write_bio_PKCS8PrivateKey(
        output.get(), opened->get(), encrypt ? EVP_aes_256_cbc() : nullptr, encrypt ? passphrase.data() : nullptr,
        static_cast<int>(passphrase.size()), nullptr, nullptr);
    if (written != 1)
        throw std::bad_alloc();
    return SecretBytes(content(output.get()));
}

}
