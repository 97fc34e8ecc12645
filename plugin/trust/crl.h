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

/// Bits of ReasonFlags (4.2.1.13): 1 keyCompromise ... 8 aACompromise.
using Reasons = uint16_t;
inline constexpr Reasons all_reasons = 0x1fe;
/// All of them where there is no field.
[[nodiscard]] Reasons reasons_of(const ASN1_BIT_STRING * flags);

enum class Listed : uint8_t
{
    no,
    yes,
    removed, ///< no longer held (removeFromCRL)
};

/// One certificate revocation list (RFC 5280 5). Immutable, shared.
class Crl
{
public:
    /// PEM (several blocks) or one DER. Refused by name: an unknown critical extension, lists of attribute certificates, a delta
    /// CRL (5.2.4) without a number, and entries of another issuer in a list that is not indirect (5.2.5, 5.3.3). Codes: "CRL",
    /// "CRL-DELTA", "CRL-INDIRECT", "CRL-EXTENSION", "CRL-SCOPE", "CRL-TIME". An input without a list in it is "CRL" as well.
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
    [[nodiscard]] bool is_indirect() const; ///< may list what others have issued
    [[nodiscard]] Reasons reasons() const;  ///< that it covers
    /// Same issuer name and same issuing distribution point.
    [[nodiscard]] bool same_scope(const Crl & other) const;
    [[nodiscard]] bool is_delta() const;
    /// May this delta be combined with that complete list of its scope (5.2.4): it starts at it or before, and is newer by
    /// number?
    [[nodiscard]] bool updates(const Crl & complete) const;
    [[nodiscard]] Listed lookup(const openssl::Certificate & certificate) const;
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
