#pragma once

// Our own certificates, as our own rules see them.

#include <optional>
#include <span>
#include <string>

#include "generation/generation.h"

namespace chmtls::generation
{

/// The first thing of the generation that takes this chain of ours (leaf first) for a node, a Keeper or a user: "rule 'cluster'
/// of mtls.nodes". Nothing: nobody of ours knows it. By names alone, whatever the dates and terms, and whether or not the SPIFFE
/// ID would be verified: other nodes may believe other authorities. `authorities`: where to look for who signed the leaf, besides
/// the chain. The generation's rules, users, nodes and keeper must be there.
[[nodiscard]] std::optional<std::string> known_as(
    const Generation & generation, std::span<const openssl::Certificate> chain,
    std::span<const openssl::Certificate> authorities);

}
