#include "openssl/pem_blocks.h"
#include "openssl/private_key.h"
#include "target.h"

using namespace chmtls;

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
    (void)openssl::certificates_from_pem_or_der(bytes, "fuzz");
    (void)openssl::certificates_from_concatenated_der(bytes, "fuzz");
    (void)openssl::PrivateKey::from_pem(bytes, "fuzz", SecretBytes());
    return 0;
}
