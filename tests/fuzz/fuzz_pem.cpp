// What is read of PEM and of DER is what is written, and the ways to read a certificate agree.

#include <algorithm>

#include <openssl/pem.h>

#include "openssl/pem_blocks.h"
#include "openssl/private_key.h"
#include "target.h"

using namespace chmtls;

namespace
{

/// A key that was read is written as PEM.
std::string pem_of(const openssl::PrivateKey & key)
{
    const openssl::BioPtr out(BIO_new(BIO_s_mem()));
    const ByteView der = key.pkcs8();
    fuzz::require(PEM_write_bio(out.get(), PEM_STRING_PKCS8INF, "", der.data(), static_cast<long>(der.size())) > 0);
    char * text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<size_t>(size)};
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const ByteView bytes(data, size);
    const auto certificates = openssl::certificates_from_pem(bytes, "fuzz");
    if (certificates)
    {
        std::string printed;
        for (const auto & certificate : *certificates)
            printed += openssl::to_pem(certificate);
        const auto again = openssl::certificates_from_pem(as_bytes(printed), "fuzz", openssl::OtherBlocks::refuse);
        fuzz::require(again.has_value() && *again == *certificates);
    }
    if (const auto either = openssl::certificates_from_pem_or_der(bytes, "fuzz"))
    {
        const bool is_der = either->size() == 1 && std::ranges::equal(either->front().der(), bytes);
        fuzz::require(is_der || (certificates.has_value() && *either == *certificates));
    }
    if (const auto row = openssl::certificates_from_concatenated_der(bytes, "fuzz"))
    {
        Bytes written;
        for (const auto & certificate : *row)
            written.insert(written.end(), certificate.der().begin(), certificate.der().end());
        fuzz::require(std::ranges::equal(written, bytes));
    }
    if (const auto key = openssl::PrivateKey::from_pem(bytes, "fuzz", SecretBytes()))
    {
        const auto again = openssl::PrivateKey::from_pem(as_bytes(pem_of(*key)), "fuzz", SecretBytes());
        fuzz::require(again.has_value() && std::ranges::equal(again->pkcs8(), key->pkcs8()));
    }
    return 0;
}
