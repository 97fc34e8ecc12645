#pragma once

// An identity as JSON (RFC 8259), the same for identity_describe of the boundary and for the command line tool.

#include <string>

#include "generation/generation.h"
#include "mapping/subject.h"
#include "policy/identity.h"

namespace chmtls::policy
{

/// One object on one line, UTF-8 whatever the certificate holds (foreign bytes as \xNN):
/// subject, issuer, common_name (null: none that is usable), common_name_defect (only when there is one), san {dns, uri, email,
/// ip, others, unusable}, spiffe_id and trust_domain (null unless verified as an SVID), serial, fingerprint_sha256, spki_sha256,
/// issuer_spki_sha256 (null: not known), not_before and not_after (RFC 3339), key_usage and extended_key_usage (null: the
/// extension is absent), ca, public_key, signature_algorithm.
[[nodiscard]] std::string identity_json(const mapping::Subject & subject);

/// The same, and what the judgement added: listener (null: we connected to the peer), generation, valid_until, chain_length.
[[nodiscard]] std::string identity_json(const Identity & identity);

/// The same, and node: the name of the node rule that matches as of this generation; null: the certificate is no node's; empty:
/// whether it is cannot be told.
[[nodiscard]] std::string identity_json(const Identity & identity, const generation::Generation & generation);

}
