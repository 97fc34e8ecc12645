#pragma once

// What a verified peer has to be beyond verified: a node, a Keeper, the server of a name.

#include "policy/verify.h"

namespace chmtls::policy
{

struct PeerRefusal
{
    Reason reason;
    std::string message;
};

/// Nothing: the peer is whom the query asks for. `peer` was verified for it.
[[nodiscard]] std::optional<PeerRefusal>
refuse_by_rules(const generation::Generation & generation, const PeerQuery & query, const Identity & peer);

/// Does a trust domain vouch for this peer? It vouches for SPIFFE IDs, so only where something looks at the peer's: at logins,
/// the rules for such peers, and <expect> for the host.
[[nodiscard]] bool looks_at_ids(const generation::Generation & generation, const PeerQuery & query);

/// The rules that say whether this peer may be there; null: none do.
[[nodiscard]] const mapping::PeerRules * rules_for(const generation::Generation & generation, const PeerQuery & query);

/// How decisions name such rules: "nodes: cluster", "keeper: ensemble".
[[nodiscard]] std::string node_rule(std::string_view rule);
[[nodiscard]] std::string keeper_rule(std::string_view rule);

}
