#pragma once

// Observe mode: everything is judged as if enforced, and nothing is refused that the stock server would not refuse.
//
// A peer whose refusal is let through goes on as a peer of the stock server does: its chain has passed openSSL.server's (or
// openSSL.client's) own verification, and it has no identity. Nothing is granted to it; its login is the server's own.

// verify_peer and authorize ask here themselves; nobody else has to.

#include "policy/authorize.h"
#include "policy/verify.h"

namespace chmtls::policy
{

/// Where the peer was met.
[[nodiscard]] config::Mode mode_of(const generation::Generation & generation, const Circumstances & met);

/// A verdict that refuses: does the connection go on all the same, without an identity? Only in observe mode, and only when
/// openSSL.* itself accepts the chain: path, dates, purpose and, with extendedVerification, the name; without revocation lists
/// and without any rule of <mtls>. What is too large or cannot be read stays refused.
[[nodiscard]] bool
lets_through(const generation::Generation & generation, const PeerQuery & query, const PeerVerdict & verdict, UnixTime now);

/// A server that did not verify: does openSSL.client (verificationMode none, AcceptCertificateHandler) have the host go on with
/// it all the same, without an identity? Nodes under mtls.nodes and Keepers have to prove who they are whatever it says.
[[nodiscard]] bool goes_on_unverified(const generation::Generation & generation, const PeerQuery & query);

/// A login that is refused: does the server's own login decide instead? Only in observe mode, and not for a user who can be
/// entered by certificate only (it has no login of the server's), nor for what would forge the server's log.
[[nodiscard]] bool lets_through(const Standing & standing, const Login & login);

}
