#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openssl/certificate.h"

namespace chmtls::trust
{

/// Which certificates a list speaks of (issuing distribution point, RFC 5280 5.2.5).
enum class CrlScope
{
    all,
    end_entities,
    authorities,
};

/// One certificate revocation list (RFC 5280 5). Immutable, shared.
class Crl
{
public:
    /// PEM (several blocks) or one DER. Delta CRLs (5.2.4) and indirect CRLs (5.2.5, 5.3.3) are refused by name, as is an unknown
    /// critical extension, and lists that cover only some reasons or only attribute certificates. Codes: "CRL", "CRL-DELTA",
    /// "CRL-INDIRECT", "CRL-EXTENSION", "CRL-SCOPE", "CRL-TIME". An input without a list in it is "CRL" as well.
    [[nodiscard]] static Result<std::vector<Crl>> parse(ByteView bytes, const std::string & source);

    [[nodiscard]] const std::string & source() const;
    [[nodiscard]] const std::string & issuer() const; ///< as openssl::print_name
    [[nodiscard]] UnixTime this_update() const;
    [[nodiscard]] std::optional<UnixTime> next_update() const;
    [[nodiscard]] size_t entries() const;
    [[nodiscard]] X509_CRL * get() const; ///< borrowed
    [[nodiscard]] CrlScope scope() const;
    /// The point that it is for, by name; null: for all certificates of its scope. Borrowed.
    [[nodiscard]] const DIST_POINT_NAME * distribution_point() const;
    /// Same issuer name and same issuing distribution point: later lists of one series replace earlier ones.
    [[nodiscard]] bool same_series(const Crl & other) const;
    /// Issued later: by CRL number (5.2.3) and thisUpdate, neither of which says otherwise.
    [[nodiscard]] bool newer_than(const Crl & other) const;
    /// Does its authority key identifier name this certificate's key? Nothing when either side lacks the identifier.
    [[nodiscard]] std::optional<bool> names_key_of(X509 * issuer) const;

private:
    struct Shared;
    explicit Crl(std::shared_ptr<const Shared> shared);
    [[nodiscard]] static Result<Crl> from(X509_CRL * owned, const std::string & source);
    std::shared_ptr<const Shared> shared_;
};

}
