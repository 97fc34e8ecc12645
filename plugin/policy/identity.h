#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "mapping/subject.h"
#include "openssl/certificate.h"
#include "trust/path.h"

namespace chmtls::policy
{

/// A peer whose chain was verified. Immutable, shared. There is no other way to come by one than verify_peer.
struct Identity
{
    openssl::Certificate leaf;
    std::vector<openssl::Certificate> sent; ///< as the peer sent them, leaf first
    std::optional<std::string> spiffe_id;   ///< verified as an SVID
    std::optional<std::string> trust_domain;
    std::optional<Digest32> issuer_spki_sha256;
    UnixTime valid_until{};
    uint64_t generation = 0; ///< that judged it
    std::string listener;    ///< empty: we connected to the peer
    /// Of a peer that we connected to: what for, and the name it proved. It is judged again by the same.
    config::Purpose purpose = config::Purpose::general;
    std::string expected_name;

    [[nodiscard]] mapping::Subject subject() const;
    /// "CN=alice, spiffe://…" in one short line for logs.
    [[nodiscard]] std::string describe() const;
};

using IdentityPtr = std::shared_ptr<const Identity>;

/// How a certificate (DER) that yields no identity names itself, likewise in one short line; nobody has verified that.
[[nodiscard]] std::string describe_leaf(ByteView der);

}
