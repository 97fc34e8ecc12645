#include "policy/authorities.h"

#include <set>

namespace chmtls::policy
{

namespace
{

constexpr size_t max_total = 16u << 10; ///< a CertificateRequest holds 2^16-1 bytes; many peers bound it lower

std::string subject_name(const openssl::Certificate & certificate)
{
    const unsigned char * der = nullptr;
    size_t size = 0;
    if (X509_NAME_get0_der(X509_get_subject_name(certificate.x509()), &der, &size) != 1)
        return {};
    return std::string(as_text({der, size}));
}

}

std::vector<Bytes> authority_names(const generation::Generation & generation, const config::Listener & listener)
{
    if (listener.client_certificate == config::ClientCertificate::none || generation.settings.server.load_default_ca_file)
        return {};
    std::set<std::string> names;
    const auto add = [&](const std::vector<openssl::Certificate> & authorities)
    {
        for (const auto & authority : authorities)
            names.insert(subject_name(authority));
    };
    if (generation.client_trust != nullptr)
        add(generation.client_trust->anchors());
    if (generation.bundles != nullptr)
    {
        for (const auto & bundle : generation.bundles->bundles())
            add(bundle.authorities);
    }
    size_t total = 0;
    for (const auto & name : names)
        total += name.size() + 2;
    // A name that cannot be had, or an empty one, cannot be told to the client: rather none than an incomplete list.
    if (total > max_total || names.contains({}))
        return {};
    std::vector<Bytes> result;
    result.reserve(names.size());
    for (const auto & name : names)
        result.emplace_back(name.begin(), name.end());
    return result;
}

}
