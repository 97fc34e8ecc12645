#include "trust/name_constraints.h"

#include <algorithm>
#include <new>

#include "trust/name_match.h"

namespace chmtls::trust
{

namespace
{

using openssl::Certificate;
using NameConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, openssl::Freed<NAME_CONSTRAINTS_free>>;

NameConstraintsPtr constraints_of(const Certificate & authority)
{
    if (X509_get_ext_by_NID(authority.x509(), NID_name_constraints, -1) < 0)
        return nullptr;
    NameConstraintsPtr constraints(
        static_cast<NAME_CONSTRAINTS *>(X509_get_ext_d2i(authority.x509(), NID_name_constraints, nullptr, nullptr)));
    if (constraints == nullptr)
        throw std::bad_alloc(); // they were read when the path was validated
    return constraints;
}

/// The host itself, and whatever stands with a dot in front of it. As OpenSSL has it an empty base is every name, and one that
/// begins with a dot is for what is below it only.
bool lies_within(std::string_view host, std::string_view base)
{
    if (base.empty())
        return true;
    if (host.size() < base.size() || !equal_ignoring_case(host.substr(host.size() - base.size()), base))
        return false;
    return host.size() == base.size() || base.front() == '.' || host[host.size() - base.size() - 1] == '.';
}

bool any_covers(const STACK_OF(GENERAL_SUBTREE) * trees, std::string_view host)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); ++i)
    {
        const GENERAL_NAME * base = sk_GENERAL_SUBTREE_value(trees, i)->base;
        if (base->type != GEN_DNS)
            continue;
        const auto length = static_cast<size_t>(std::max(ASN1_STRING_length(base->d.dNSName), 0));
        if (lies_within(host, {reinterpret_cast<const char *>(ASN1_STRING_get0_data(base->d.dNSName)), length}))
            return true;
    }
    return false;
}

bool hold_hosts(const STACK_OF(GENERAL_SUBTREE) * trees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); ++i)
        if (sk_GENERAL_SUBTREE_value(trees, i)->base->type == GEN_DNS)
            return true;
    return false;
}

}

size_t count_names(const Certificate & certificate)
{
    const openssl::SubjectAltNames & san = certificate.facts().san;
    const int attributes = X509_NAME_entry_count(X509_get_subject_name(certificate.x509()));
    return static_cast<size_t>(std::max(attributes, 0)) + san.dns.size() + san.uris.size() + san.emails.size() + san.ips.size()
           + san.others + san.unusable.size();
}

size_t count_constraints(const Certificate & authority)
{
    const NameConstraintsPtr constraints = constraints_of(authority);
    if (constraints == nullptr)
        return 0;
    const int count = std::max(sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees), 0)
                      + std::max(sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees), 0);
    return static_cast<size_t>(count);
}

bool may_certify_host(std::span<const Certificate> path, std::string_view host)
{
    return std::all_of(
        path.begin() + std::min<ptrdiff_t>(1, std::ssize(path)), path.end(),
        [&](const Certificate & authority)
        {
            const NameConstraintsPtr constraints = constraints_of(authority);
            if (constraints == nullptr)
                return true;
            if (any_covers(constraints->excludedSubtrees, host))
                return false;
            return !hold_hosts(constraints->permittedSubtrees) || any_covers(constraints->permittedSubtrees, host);
        });
}

}
