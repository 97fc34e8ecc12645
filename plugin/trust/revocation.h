#pragma once

// Which certificates of a validated path are revoked (RFC 5280 6.3, full CRLs only).

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trust/anchors.h"
#include "trust/crl.h"

namespace chmtls::trust
{

/// A moment that no certificate reaches.
inline constexpr UnixTime end_of_time{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}};

struct RevocationOutcome
{
    Reason reason = Reason::valid;
    std::string message;
    size_t depth = 0;
    UnixTime valid_until = end_of_time; ///< earliest nextUpdate of the lists that were used
};

/// Immutable after construction but for a remembered signature check per list; thread-safe, no lock.
class RevocationLists
{
public:
    /// A list whose issuer name is an anchor's must be signed by an anchor of that name which may sign lists; otherwise it is an
    /// error that names the list. Lists of other issuers are judged when their issuer turns up on a path.
    [[nodiscard]] static Checked<std::unique_ptr<const RevocationLists>> create(std::vector<Crl> lists, const Anchors & anchors);

    ~RevocationLists();
    [[nodiscard]] const std::vector<Crl> & all() const { return lists_; }

    /// Judges every certificate of `path` (leaf ... anchor) by the lists of its own issuer, and what lies above the anchor as far
    /// as other anchors show it. Without a list nothing is refused. Refused: listed (REVOKED), the newest list of a series is
    /// past its nextUpdate (CRL-EXPIRED), not valid yet, or damaged (CRL-INVALID).
    [[nodiscard]] RevocationOutcome check(std::span<const openssl::Certificate> path, UnixTime at) const;

private:
    struct Entry;
    RevocationLists();
    [[nodiscard]] bool signed_by(const Entry & entry, X509 * issuer) const;
    [[nodiscard]] RevocationOutcome
    check_one(const openssl::Certificate & certificate, X509 * issuer, size_t depth, UnixTime at) const;

    std::vector<Crl> lists_;
    std::vector<std::unique_ptr<const Entry>> entries_;
    std::vector<std::pair<const X509 *, openssl::Certificate>> parents_; ///< anchor to the anchor that signed it
};

}
