#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mapping/subject.h"
#include "openssl/certificate.h"
#include "policy/circumstances.h"

namespace chmtls::policy
{

class PeerJudge;

/// Shown by the judge of verify.cpp, and had by nobody else: without it there is no identity.
class JudgesMark
{
    friend class PeerJudge;
    JudgesMark() = default;
};

/// A peer whose chain was verified. Immutable, shared. Only the judge makes one, and nobody can copy and change it.
struct Identity
{
    /// What verification has found.
    struct Found
    {
        std::vector<openssl::Certificate> path;
        std::optional<std::string> spiffe_id;
        std::optional<std::string> trust_domain;
        std::optional<Digest32> issuer_spki_sha256;
        UnixTime valid_until{};
        uint64_t generation = 0;
    };
    Identity(JudgesMark mark, std::vector<openssl::Certificate> chain, const PeerQuery & query, Found found);
    Identity(const Identity &) = delete;
    Identity & operator=(const Identity &) = delete;
    ~Identity() = default;

    openssl::Certificate leaf;
    std::vector<openssl::Certificate> sent; ///< as the peer sent them, leaf first
    std::vector<openssl::Certificate> path; ///< as validated: leaf ... anchor
    std::optional<std::string> spiffe_id;   ///< verified as an SVID
    std::optional<std::string> trust_domain;
    std::optional<Digest32> issuer_spki_sha256;
    UnixTime valid_until{};
    uint64_t generation = 0; ///< that judged it
    Circumstances met;       ///< it is judged again by the same
    /// How the floor of that generation sees the same peer; null: it has no floor.
    std::shared_ptr<const Identity> by_floor;

    [[nodiscard]] bool connected_to_us() const { return met.role == PeerRole::client; }
    /// The question that it is the answer to, to be asked again. Borrows from the identity.
    [[nodiscard]] PeerQuery question() const;
    [[nodiscard]] mapping::Subject subject() const;
    /// "CN=alice, spiffe://…" in one short line for logs.
    [[nodiscard]] std::string describe() const;

private:
    std::vector<ByteView> chain_; ///< of `sent`
};

using IdentityPtr = std::shared_ptr<const Identity>;

/// How a certificate (DER) that yields no identity names itself, likewise in one short line; nobody has verified that.
[[nodiscard]] std::string describe_leaf(ByteView der);

}
