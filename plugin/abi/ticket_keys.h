#pragma once

#include <optional>

#include <clickhouse_mtls/plugin.h>

#include "base/time.h"
#include "generation/generation.h"

namespace chmtls::abi
{

/// A generation's ticket key is used for this long; for as long again it decrypts, with `renew`.
inline constexpr std::chrono::hours ticket_key_age{12};

/// The ticket key of this moment (`name` empty), or the one of that name; nothing when the ticket is of another generation or
/// older than two ages. Lock-free: the keys of each age are derived (libsodium crypto_kdf) from the generation's own, which are
/// random and end with the generation. The caller wipes it after use.
[[nodiscard]] std::optional<chmtls_ticket_key>
ticket_key_at(const generation::Generation & generation, ByteView name, UnixTime now);

}
