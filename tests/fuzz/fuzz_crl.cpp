#include "seeds.h"
#include "target.h"
#include "trust/path.h"

using namespace chmtls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto crls = trust::Crl::parse({data, size}, "fuzz");
    if (!crls)
        return 0;
    const auto & root = fuzz::test_pki().root;
    const auto store = trust::TrustStore::create({root.certificate}, *crls, {});
    if (!store)
        return 0;
    // A CRL that names our root as its issuer is in the store only with the root's signature.
    for (const auto & crl : *crls)
        if (crl.issuer() == root.certificate.facts().subject)
            fuzz::require(X509_CRL_verify(crl.get(), X509_get0_pubkey(root.certificate.x509())) == 1);
    return 0;
}
