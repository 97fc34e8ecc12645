#include "trust/anchors.h"

#include <algorithm>
#include <set>

namespace chmtls::trust
{

namespace
{

const X509_NAME * subject_of(const openssl::Certificate & certificate)
{
    return X509_get_subject_name(certificate.x509());
}

const X509_NAME * issuer_of(const openssl::Certificate & certificate)
{
    return X509_get_issuer_name(certificate.x509());
}

std::vector<openssl::Certificate> each_once(std::vector<openssl::Certificate> certificates)
{
    std::vector<openssl::Certificate> out;
    std::set<std::string_view> seen;
    out.reserve(certificates.size());
    for (openssl::Certificate & certificate : certificates)
    {
        if (seen.insert(as_text(certificate.der())).second)
            out.push_back(certificate);
    }
    return out;
}

}

bool ends_paths(const openssl::Certificate & authority)
{
    // As OpenSSL sees it while it builds a path: by names and key identifiers.
    return X509_self_signed(authority.x509(), 0) == 1 || X509_trusted(authority.x509()) == 1;
}

Anchors::Anchors(std::vector<openssl::Certificate> certificates) : certificates_(each_once(std::move(certificates)))
{
    by_subject_.resize(certificates_.size());
    for (uint32_t i = 0; i < by_subject_.size(); ++i)
        by_subject_[i] = i;
    std::ranges::stable_sort(
        by_subject_, [this](uint32_t left, uint32_t right)
        { return X509_NAME_cmp(subject_of(certificates_[left]), subject_of(certificates_[right])) < 0; });
}

std::span<const uint32_t> Anchors::named(const X509_NAME * subject) const
{
    const auto first = std::ranges::partition_point(
        by_subject_, [&](uint32_t i) { return X509_NAME_cmp(subject_of(certificates_[i]), subject) < 0; });
    const auto last = std::find_if(
        first, by_subject_.end(), [&](uint32_t i) { return X509_NAME_cmp(subject_of(certificates_[i]), subject) != 0; });
    return {first, last};
}

const openssl::Certificate * Anchors::of(const X509 * certificate) const
{
    for (const uint32_t i : named(X509_get_subject_name(certificate)))
    {
        if (certificates_[i].x509() == certificate)
            return &certificates_[i];
    }
    return nullptr;
}

bool Anchors::rejects(const openssl::Certificate & certificate, int use) const
{
    const auto positions = named(subject_of(certificate));
    return std::ranges::any_of(
        positions, [&](uint32_t i)
        { return certificates_[i] == certificate && X509_check_trust(certificates_[i].x509(), use, 0) == X509_TRUST_REJECTED; });
}

std::vector<uint32_t>
Anchors::reachable(const openssl::Certificate & leaf, std::span<const openssl::Certificate> intermediates) const
{
    std::vector<uint32_t> out;
    const auto add = [&](const X509_NAME * name)
    {
        for (const uint32_t i : named(name))
        {
            if (std::ranges::find(out, i) == out.end())
                out.push_back(i);
        }
    };
    add(issuer_of(leaf));
    add(subject_of(leaf));
    for (const openssl::Certificate & certificate : intermediates)
    {
        add(issuer_of(certificate));
        add(subject_of(certificate));
    }
    for (size_t at = 0; at < out.size(); ++at)
        add(issuer_of(certificates_[out[at]]));
    return out;
}

}
