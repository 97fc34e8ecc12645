#pragma once

// Whom a list with a distribution point of its own is for (RFC 5280 5.2.5, 6.3.3 (b)(2)).

#include "openssl/pointers.h"
#include "trust/crl.h"

namespace chmtls::trust
{

/// What a list is to a certificate.
struct Coverage
{
    bool of_its_issuer = false; ///< it bears the name of the certificate's issuer
    bool of_its_point = false;  ///< it is the list, or one of them, that the certificate has to be looked up in
    Reasons reasons = 0;        ///< for which
};

/// The distribution points that a certificate names (cRLDistributionPoints), and the one that every certificate has: whatever its
/// issuer signs for all of its certificates. None when the extension cannot be read.
class NamedPoints
{
public:
    explicit NamedPoints(X509 * certificate);

    [[nodiscard]] Coverage coverage(const Crl & list) const;

private:
    X509 * certificate_;
    std::unique_ptr<CRL_DIST_POINTS, openssl::Freed<CRL_DIST_POINTS_free>> points_;
};

}
