#pragma once

// The same certificate again: other dates, another serial number, and another key when one is given.

#include "pki/issue.h"

namespace chmtls::pki
{

/// Everything else stays as `old` has it, extensions that nobody here knows included; the key identifiers are those of `key` and
/// `issuer`. Whether `old` may be renewed is the caller's question.
[[nodiscard]] Result<Issued> renew(
    const openssl::Certificate & old, const openssl::PrivateKey & key, const Issued & issuer, UnixTime not_before,
    UnixTime not_after);

/// The kind of a certificate's key; nothing for one that generate_key does not make.
[[nodiscard]] std::optional<KeyKind> kind_of_key(const openssl::Certificate & certificate);

}
