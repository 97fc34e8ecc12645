#pragma once

// Whom a list with a distribution point of its own is for (RFC 5280 5.2.5, 6.3.3 (b)(2)).

#include "openssl/pointers.h"

namespace chmtls::trust
{

using IssuingPointPtr = std::unique_ptr<ISSUING_DIST_POINT, openssl::Freed<ISSUING_DIST_POINT_free>>;

/// The distribution points that a certificate names (cRLDistributionPoints); none when it lacks the extension, or when that
/// cannot be read.
class NamedPoints
{
public:
    explicit NamedPoints(X509 * certificate);

    /// `point`: of a list, with its relative name resolved (DIST_POINT_set_dpname).
    [[nodiscard]] bool contain(const DIST_POINT_NAME & point) const;

private:
    std::unique_ptr<CRL_DIST_POINTS, openssl::Freed<CRL_DIST_POINTS_free>> points_;
};

}
