#include <algorithm>

#include "seeds.h"
#include "target.h"
#include "trust/path.h"

using namespace chmtls;

namespace
{

/// The order of the lists of one scope: none is newer than itself, no two are newer than each other.
void require_order(const std::vector<trust::Crl> & crls)
{
    constexpr size_t most = 16; // of them that are compared with each other
    const size_t compared = std::min(crls.size(), most);
    for (size_t i = 0; i < compared; ++i)
    {
        fuzz::require(crls[i].same_scope(crls[i]) && !crls[i].newer_than(crls[i]));
        for (size_t j = i + 1; j < compared; ++j)
        {
            fuzz::require(crls[i].same_scope(crls[j]) == crls[j].same_scope(crls[i]));
            fuzz::require(!(crls[i].newer_than(crls[j]) && crls[j].newer_than(crls[i])));
        }
    }
}

Reason judged_with(std::vector<trust::Crl> crls)
{
    const auto & made = fuzz::test_pki();
    const auto store = trust::TrustStore::create({made.root.certificate}, std::move(crls), {});
    if (!store)
        return Reason::crl_invalid;
    return (*store)->verify({.leaf = made.svid.certificate, .intermediates = {}, .at = system_time()}).reason;
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto crls = trust::Crl::parse({data, size}, "fuzz");
    if (!crls)
        return 0;
    require_order(*crls);
    const auto & root = fuzz::test_pki().root;
    const auto store = trust::TrustStore::create({root.certificate}, *crls, {});
    if (!store)
        return 0;
    // A CRL that names our root as its issuer is in the store only with the root's signature.
    for (const auto & crl : *crls)
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), X509_get_subject_name(root.certificate.x509())) == 0)
            fuzz::require(X509_CRL_verify(crl.get(), X509_get0_pubkey(root.certificate.x509())) == 1);
    // In which order lists are given decides nothing.
    fuzz::require(judged_with(*crls) == judged_with({crls->rbegin(), crls->rend()}));
    return 0;
}
