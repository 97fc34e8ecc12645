#pragma once

// From a verified peer and what it offers to the login that the server is given.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <binding/ssl_binding.h>

#include "settings.h"

namespace chmtls::gateway
{

/// What becomes of a login.
enum class Entry : uint8_t
{
    as_user,    ///< the module granted this user: the gateway proves it to the server
    as_it_came, ///< user and password go on unchanged, the server decides
    refused,
};

struct Decision
{
    Entry entry = Entry::refused;
    std::string user; ///< as_user
    std::string rule; ///< which the session is watched by; empty: none
    std::string why;  ///< refused: what the client is told
};

/// What a peer offers; borrowed.
struct Offer
{
    uint32_t interface = 0; ///< CHMTLS_INTERFACE_*
    uint32_t flags = 0;     ///< CHMTLS_LOGIN_*
    std::string_view user;
    std::string_view remote_address;
    bool handed_on = false; ///< a proxy speaks for the peer
};

/// `peer` null: it showed no certificate. A node's certificate never becomes a user here: who asks through a node is not known,
/// so the node's own password or cluster secret has to do. Audited by the module.
Decision decide(const chmtls::Plugin & plugin, const host::PeerIdentity * peer, const Offer & offer, PasswordLogins passwords);

/// The flags of a native login.
uint32_t native_flags(std::string_view user, std::string_view password);

/// Is the peer's certificate a cluster node's, by <nodes> as it stands now? Nothing: that cannot be told.
std::optional<bool> is_node(const chmtls::Plugin & plugin, const host::PeerIdentity & peer);

}
