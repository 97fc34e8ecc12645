#pragma once

// The judgement on a peer's chain, by one generation.

#include "generation/generation.h"
#include "mapping/rule_set.h"
#include "policy/identity.h"
#include "policy/standing.h"

namespace chmtls::policy
{

struct PeerVerdict
{
    Reason reason = Reason::internal;
    std::string message;
    IdentityPtr identity; ///< only when accepted, and never for an unverified chain
    UnixTime valid_until{};
    bool let_through = false; ///< refused, but only observed (observing.h): the connection goes on, without an identity

    [[nodiscard]] bool accepted() const { return reason == Reason::valid; }
};

/// Bounds on what a peer may send (Reason::resource beyond them).
inline constexpr size_t max_chain_length = 16;
inline constexpr size_t max_chain_bytes = 128u << 10;

/// Judges without remembering, and says what is only observed. Thread-safe, no I/O, no lock.
///
/// Whom we believe: client -> client_trust (openSSL.server), server -> server_trust (openSSL.client). A leaf with a "spiffe:" URI
/// is judged as an SVID by its own trust domain's bundle and nothing else, once any trust domain is configured, where something
/// looks at its ID: at logins, and where rules or <expect> say who the peer has to be. Elsewhere (url(), nodes without <nodes>,
/// Keeper without <keeper>) and without trust domains it is an ordinary certificate and gets no SPIFFE ID. An identity exists
/// only for a chain that verified. Where a side verifies nobody (a listener with client_certificate `none`,
/// openSSL.client.verificationMode `none`) every chain is refused as verification_off: the connection may go on, but without an
/// identity. AcceptCertificateHandler is not asked: what is refused here stays refused, and the host ends the handshake. A server
/// must prove `expected_name` when one is given, and with openSSL.client.extendedVerification one must be given. Whom <limits>
/// are for must keep them (apply_limits).
///
/// Between servers, with <nodes>: whoever comes to interserver_https_port, and whom we connect to for Purpose::node, must be
/// matched by a node rule (else node_rule). A node that we connect to must prove `expected_name`, which is never empty then: by
/// the SPIFFE ID that <expect> gives its host, and where there is none by name. Without <nodes> its name counts only with
/// extendedVerification. A Keeper must always prove its name in this way, and match a rule of <keeper> where there are any (else
/// keeper_rule).
[[nodiscard]] PeerVerdict verify_peer(const generation::Generation & generation, const PeerQuery & query, UnixTime now);

/// The same, and how it came about.
struct PeerExplanation
{
    PeerVerdict verdict;
    /// How the rules for such peers came to it; none: no rules are for it, or the chain did not verify.
    std::vector<mapping::RuleTrace> traces;
    /// How revocation was judged on the path, certificate by certificate, without the floor; empty where it did not come to that.
    std::vector<trust::RevocationStep> revocation;
};
[[nodiscard]] PeerExplanation explain_peer(const generation::Generation & generation, const PeerQuery & query, UnixTime now);

/// Is the peer still what it was, in the circumstances in which it was met? Nothing is let through.
[[nodiscard]] PeerVerdict verify_again(const generation::Generation & generation, const Identity & identity, UnixTime now);

/// Remembers accepted chains: never beyond the generation, 60 seconds, the earliest notAfter / nextUpdate of the path, the role,
/// listener, purpose and expected name. A hit is compared byte by byte. Bounded in entries (`capacity`, rounded up) and bytes.
/// Thread-safe; its locks are short and no reload takes one.
class Verifier
{
public:
    explicit Verifier(size_t capacity = 4096);
    ~Verifier();
    /// As verify_peer.
    [[nodiscard]] PeerVerdict verify(const generation::GenerationPtr & generation, const PeerQuery & query, UnixTime now);
    /// As standing_of. Kept connections meet a new generation with each request: the first one judges the chain.
    [[nodiscard]] Standing standing_of(const generation::Generation & generation, const IdentityPtr & shown, UnixTime now);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
