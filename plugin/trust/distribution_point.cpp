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

NamedPoints::NamedPoints(X509 * certificate)
{
    openssl::clear_errors();
    points_.reset(static_cast<CRL_DIST_POINTS *>(X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
    for (int i = 0; i < sk_DIST_POINT_num(points_.get()); ++i)
    {
        DIST_POINT * point = sk_DIST_POINT_value(points_.get(), i);
        if (point->distpoint != nullptr)
            DIST_POINT_set_dpname(point->distpoint, X509_get_issuer_name(certificate));
    }
    // For want of memory the certificate would seem to name nothing.
    if (openssl::drain_out_of_memory())
        throw std::bad_alloc();
}

bool NamedPoints::contain(const DIST_POINT_NAME & point) const
{
    for (int i = 0; i < sk_DIST_POINT_num(points_.get()); ++i)
    {
        const DIST_POINT * each = sk_DIST_POINT_value(points_.get(), i);
        if (each->distpoint != nullptr && same_point(*each->distpoint, point))
            return true;
        if (each->distpoint == nullptr && is_full_name(point) && share_a_name(each->CRLissuer, point.name.fullname))
            return true;
    }
    return false;
}

}
