#pragma once

// Trust bundles (SPIFFE Trust Domain and Bundle, sections 4 and 6 of X509-SVID) and bundle maps.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openssl/certificate.h"
#include "spiffe/id.h"
#include "trust/path.h"

namespace chmtls::spiffe
{

/// The X.509 authorities of one trust domain as loaded from one source. Zero authorities is a state, not an error.
struct Bundle
{
    std::string trust_domain;
    std::vector<openssl::Certificate> authorities; ///< each once
    std::optional<uint64_t> sequence;
    std::optional<uint64_t> refresh_hint; ///< seconds
    std::vector<std::string> notes;       ///< entries that were ignored, and why
};

/// SPIFFE JSON (JWK Set) when the first byte that is no blank is '{', else PEM. `trust_domain` is a bare name or spiffe://name.
///
/// Entries of another use, of an unknown kty or use, or without x5c are ignored with a note, as the standard demands. What is
/// damaged fails the load as a whole, so that the last good bundle stays; dropping one authority silently would not.
/// Error codes:
///   TRUST-DOMAIN  the name given is no trust domain name
///   SIZE          more than 16 MiB of JSON
///   JSON          not JSON, a NUL or an integer beyond 2^64-1 in it, nested deeper than 32 levels
///   DUPLICATE     a member name twice in one object, anywhere
///   KEYS          "keys" is missing or no array, or an entry is no object
///   X5C           no array, not plain base64 (RFC 4648 4), not one DER certificate
///   KEY-MISMATCH  n/e, crv/x/y or crv/x are missing or not the certificate's key (RFC 7517 4.7)
///   SEQUENCE      spiffe_sequence is no integer from 0 to 2^64-1
///   REFRESH-HINT  the same of spiffe_refresh_hint
///   PEM           no PEM block in a file that is not empty, or a damaged certificate
/// An empty file is an empty bundle (the PEM convention of go-spiffe and SPIRE).
[[nodiscard]] Result<Bundle> parse_bundle(const std::string & trust_domain, ByteView bytes, const std::string & source);

/// {"trust_domains": {name: bundle, ...}}; a name twice is refused (DUPLICATE). One bad bundle fails the whole. Codes as above,
/// and TRUST-DOMAINS when that member is missing or no object.
[[nodiscard]] Result<std::vector<Bundle>> parse_bundle_map(ByteView bytes, const std::string & source);

/// All bundles of a moment, one per trust domain, each with its own store; never merged. Immutable.
class BundleSet
{
public:
    /// What revocation is judged by in a trust domain.
    struct Revocation
    {
        std::vector<trust::Crl> lists;
        trust::RevocationRules rules{};
    };
    using RevocationByDomain = std::map<std::string, Revocation>;

    /// `security_level` as in trust::TrustStore::Options. A trust domain named twice is an error.
    [[nodiscard]] static Checked<std::shared_ptr<const BundleSet>>
    create(std::vector<Bundle> bundles, RevocationByDomain revocation = {}, int security_level = 1);

    [[nodiscard]] const trust::TrustStore * find(std::string_view trust_domain) const; ///< null: no bundle
    [[nodiscard]] const std::vector<Bundle> & bundles() const { return bundles_; }
    [[nodiscard]] bool empty() const { return bundles_.empty(); }

private:
    std::vector<Bundle> bundles_;
    std::map<std::string, std::shared_ptr<const trust::TrustStore>, std::less<>> stores_;
};

}
