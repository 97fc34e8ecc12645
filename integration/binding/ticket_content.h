#pragma once

#include <optional>
#include <string>
#include <vector>

#include <clickhouse_mtls/plugin.h>

namespace chmtls::host
{

/// What we add to a session ticket, besides OpenSSL's own session with the peer's leaf. The ticket is encrypted and authenticated
/// with the module's keys, so this comes back exactly as it was written; it is parsed strictly all the same.
struct TicketContent
{
    std::string server_name;                 ///< SNI: a session is not resumed under another name (RFC 6066 3)
    std::vector<chmtls_bytes> intermediates; ///< DER, as the peer sent them after its leaf; borrowed
};

/// A ticket travels in a 16-bit length together with the leaf; peers with longer chains are not resumed.
inline constexpr size_t max_ticket_content = 24 * 1024;

/// Of the leaf, likewise: a TLS 1.3 server sends no ticket to a peer with a longer one. A TLS 1.2 server has promised it by then,
/// and ends the handshake where OpenSSL cannot write it.
inline constexpr size_t max_ticket_leaf = 32 * 1024;

/// Throws std::bad_alloc. Nothing: too long.
std::optional<std::vector<unsigned char>> encode(const TicketContent & content);

/// The result borrows from `bytes`. Throws std::bad_alloc.
std::optional<TicketContent> decode(chmtls_bytes bytes);

}
