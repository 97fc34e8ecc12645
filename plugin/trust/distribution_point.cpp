#include "trust/distribution_point.h"

#include <new>

#include "openssl/error_queue.h"

namespace chmtls::trust
{

namespace
{

/// DIST_POINT_NAME.type, for which OpenSSL has no words.
bool is_full_name(const DIST_POINT_NAME & name)
{
    return name.type == 0;
}

bool holds(GENERAL_NAMES * names, const GENERAL_NAME * wanted)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), const_cast<GENERAL_NAME *>(wanted)) == 0)
            return true;
    return false;
}

bool share_a_name(GENERAL_NAMES * left, GENERAL_NAMES * right)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(left); ++i)
        if (holds(right, sk_GENERAL_NAME_value(left, i)))
            return true;
    return false;
}

bool holds_directory(GENERAL_NAMES * names, const X509_NAME * wanted)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i)
    {
        const GENERAL_NAME * name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DIRNAME && X509_NAME_cmp(name->d.directoryName, wanted) == 0)
            return true;
    }
    return false;
}

bool same_point(const DIST_POINT_NAME & left, const DIST_POINT_NAME & right)
{
    if (is_full_name(left) && is_full_name(right))
        return share_a_name(left.name.fullname, right.name.fullname);
    if (is_full_name(left))
        return right.dpname != nullptr && holds_directory(left.name.fullname, right.dpname);
    if (left.dpname == nullptr)
        return false;
    if (is_full_name(right))
        return holds_directory(right.name.fullname, left.dpname);
    return right.dpname != nullptr && X509_NAME_cmp(left.dpname, right.dpname) == 0;
}

}

namespace
{

/// Names relative to a CRL issuer are relative to the one that the point names, else to the certificate's.
const X509_NAME * issuer_of(const DIST_POINT & point, X509 * certificate)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(point.CRLissuer); ++i)
        if (const GENERAL_NAME * name = sk_GENERAL_NAME_value(point.CRLissuer, i); name->type == GEN_DIRNAME)
            return name->d.directoryName;
    return X509_get_issuer_name(certificate);
}

/// RFC 5280 6.3.3 (b).
bool is_list_of(const Crl & list, const DIST_POINT & point, bool of_its_issuer)
{
    const bool by_name = point.CRLissuer == nullptr
                             ? of_its_issuer
                             : list.is_indirect() && holds_directory(point.CRLissuer, X509_CRL_get_issuer(list.get()));
    const DIST_POINT_NAME * name = list.distribution_point();
    if (!by_name || name == nullptr)
        return by_name;
    if (point.distpoint != nullptr)
        return same_point(*point.distpoint, *name);
    return is_full_name(*name) && share_a_name(point.CRLissuer, name->name.fullname);
}

}

NamedPoints::NamedPoints(X509 * certificate) : certificate_(certificate)
{
    openssl::clear_errors();
    points_.reset(static_cast<CRL_DIST_POINTS *>(X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
    for (int i = 0; i < sk_DIST_POINT_num(points_.get()); ++i)
    {
        DIST_POINT * point = sk_DIST_POINT_value(points_.get(), i);
        if (point->distpoint != nullptr)
            DIST_POINT_set_dpname(point->distpoint, issuer_of(*point, certificate));
    }
    // For want of memory the certificate would seem to name nothing.
    if (openssl::drain_out_of_memory())
        throw std::bad_alloc();
}

Coverage NamedPoints::coverage(const Crl & list) const
{
    X509_NAME * const issuer = X509_get_issuer_name(certificate_);
    const DIST_POINT_NAME * name = list.distribution_point();
    Coverage result;
    result.of_its_issuer = X509_NAME_cmp(X509_CRL_get_issuer(list.get()), issuer) == 0;
    if (result.of_its_issuer && (name == nullptr || (is_full_name(*name) && holds_directory(name->name.fullname, issuer))))
        result = {true, true, list.reasons()};
    for (int i = 0; i < sk_DIST_POINT_num(points_.get()); ++i)
    {
        const DIST_POINT * point = sk_DIST_POINT_value(points_.get(), i);
        if (!is_list_of(list, *point, result.of_its_issuer))
            continue;
        result.of_its_point = true;
        result.reasons = static_cast<Reasons>(result.reasons | (list.reasons() & reasons_of(point->reasons)));
    }
    return result;
}

}
