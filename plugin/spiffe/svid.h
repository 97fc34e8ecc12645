#pragma once

// X.509-SVID validation (X509-SVID section 5), with the strict choice wherever its text leaves room.

#include <optional>
#include <span>

#include "spiffe/bundle.h"

namespace chmtls::spiffe
{

struct SvidVerdict
{
    trust::PathVerdict path; ///< reason and message of the whole verdict
    std::optional<Id> id;    ///< when accepted

    [[nodiscard]] bool accepted() const { return path.accepted(); }
};

/// Does this leaf claim to be an SVID: has it a URI SAN that starts with "spiffe:" in any case?
[[nodiscard]] bool claims_spiffe(const openssl::CertificateFacts & leaf);

/// Leaf rules first, then the bundle by the leaf's trust domain, then the path against that bundle alone, then the rules for
/// signing certificates. `depth` bounds the certificates above the leaf; `revocation` as
/// in TrustStore::Query. Thread-safe, no I/O, no lock.
[[nodiscard]] SvidVerdict verify_svid(
    const BundleSet & bundles, const openssl::Certificate & leaf, std::span<const openssl::Certificate> intermediates,
    UnixTime at, size_t depth = 9, std::vector<trust::RevocationStep> * revocation = nullptr);

}
