#pragma once

// What certificates must be beyond being valid: <mtls><limits>.

#include "policy/verify.h"

namespace chmtls::policy
{

/// The limits for a peer; null: there are none for its kind.
[[nodiscard]] const config::CertificateLimits * limits_for(const generation::Generation & generation, const PeerQuery & query);

struct LimitVerdict
{
    Reason reason = Reason::valid;
    std::string message;
    UnixTime valid_until = UnixTime::max(); ///< min_remaining_lifetime before the leaf's notAfter

    [[nodiscard]] bool accepted() const { return reason == Reason::valid; }
};

/// `path`: leaf ... anchor, verified. Keys are looked at on the whole path, signatures below the anchor (its own proves nothing),
/// lifetimes of the leaf. Null limits accept. Thread-safe.
[[nodiscard]] LimitVerdict
apply_limits(const config::CertificateLimits * limits, const std::vector<openssl::Certificate> & path, UnixTime now);

}
