#pragma once

// Anchors by subject name, and the few that one query can reach.

#include <memory>
#include <span>
#include <vector>

#include "openssl/certificate.h"

namespace chmtls::trust
{

/// May it end a path where partial chains do not count: is it self-signed, or called trusted by OpenSSL's own trust settings?
[[nodiscard]] bool ends_paths(const openssl::Certificate & authority);

/// Immutable and thread-safe after construction.
class Anchors
{
public:
    /// Duplicates count once, the first stays.
    explicit Anchors(std::vector<openssl::Certificate> certificates);

    [[nodiscard]] const std::vector<openssl::Certificate> & all() const { return certificates_; }

    /// Positions in all() of the anchors with this subject name.
    [[nodiscard]] std::span<const uint32_t> named(const X509_NAME * subject) const;

    /// The anchor that is this very OpenSSL object; null when it is none.
    [[nodiscard]] const openssl::Certificate * of(const X509 * certificate) const;

    /// Do OpenSSL's own trust settings (TRUSTED CERTIFICATE) reject this certificate for a use (X509_TRUST_...)? Also of a copy
    /// that a peer has sent.
    [[nodiscard]] bool rejects(const openssl::Certificate & certificate, int use) const;

    /// Positions of all anchors that a path from these certificates can come upon: by issuer name, by being one of them, and what
    /// lies above those. Enough for OpenSSL's path building, and short where the store is large.
    [[nodiscard]] std::vector<uint32_t>
    reachable(const openssl::Certificate & leaf, std::span<const openssl::Certificate> intermediates) const;

private:
    std::vector<openssl::Certificate> certificates_;
    std::vector<uint32_t> by_subject_; ///< positions, sorted by subject name
};

}
