#pragma once

// What certificates must be beyond being valid: <mtls><limits>.

#include "policy/verify.h"

namespace chmtls::policy
{

/// The limits for a peer whose chain was verified; null: there are none for its kind. Who comes to us is a node where only nodes
/// may be, and wherever a node rule matches: distributed queries come to the users' port.
[[nodiscard]] const config::CertificateLimits *
limits_for(const generation::Generation & generation, const PeerQuery & query, const Identity & peer);

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
