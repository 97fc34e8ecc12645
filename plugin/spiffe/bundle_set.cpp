#include <set>

#include "spiffe/bundle.h"

namespace chmtls::spiffe
{

Checked<std::shared_ptr<const BundleSet>>
BundleSet::create(std::vector<Bundle> bundles, RevocationByDomain revocation, int security_level)
{
    auto set = std::make_shared<BundleSet>();
    Errors errors;
    for (const Bundle & bundle : bundles)
    {
        if (set->stores_.contains(bundle.trust_domain))
        {
            errors.push_back(
                {.file = {},
                 .field = "trust domain " + printable(bundle.trust_domain),
                 .reason = "two bundles for one trust domain; bundles are never merged",
                 .remedy = "give one bundle with all its authorities",
                 .code = "TRUST-DOMAIN"});
            continue;
        }
        Revocation own;
        if (auto node = revocation.extract(bundle.trust_domain))
            own = std::move(node.mapped());
        trust::TrustStore::Options options;
        options.revocation = std::move(own.rules);
        options.security_level = security_level;
        auto store = trust::TrustStore::create(bundle.authorities, std::move(own.lists), std::move(options));
        if (!store)
            errors.insert(errors.end(), store.error().begin(), store.error().end());
        set->stores_.emplace(bundle.trust_domain, store ? std::move(*store) : nullptr);
    }
    for (const auto & [trust_domain, own] : revocation)
    {
        if (!set->stores_.contains(trust_domain))
            errors.push_back(
                {.file = own.lists.empty() ? std::string{} : own.lists.front().source(),
                 .field = "trust domain " + printable(trust_domain),
                 .reason = "CRLs for a trust domain that has no bundle",
                 .remedy = "name the trust domain as its bundle does",
                 .code = "TRUST-DOMAIN"});
    }
    if (!errors.empty())
        return tl::unexpected(std::move(errors));
    set->bundles_ = std::move(bundles);
    return std::shared_ptr<const BundleSet>(std::move(set));
}

const trust::TrustStore * BundleSet::find(std::string_view trust_domain) const
{
    const auto at = stores_.find(trust_domain);
    return at == stores_.end() ? nullptr : at->second.get();
}

}
