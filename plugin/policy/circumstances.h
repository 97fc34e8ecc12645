#pragma once

// In which circumstances a peer is met. The same certificate may be good in one and not in another, so they are part of every
// question about it and of the identity that is the answer.

#include <compare>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "config/settings.h"

namespace chmtls::policy
{

enum class PeerRole
{
    client, ///< it connected to us
    server, ///< we connected to it
};

/// A question to the judge. Borrows what it points to.
struct PeerQuery
{
    PeerRole role = PeerRole::client;
    std::string_view listener;                          ///< where the peer came in; not looked at of a connection that we make
    std::span<const ByteView> chain;                    ///< DER, leaf first, as the peer sent it
    std::string_view expected_name;                     ///< of a connection that we make: the configured name or address
    config::Purpose purpose = config::Purpose::general; ///< of a connection that we make
};

/// The same without the chain, to be kept. The same chain in the same circumstances is judged alike.
struct Circumstances
{
    PeerRole role = PeerRole::client;
    std::string listener;      ///< empty: we connected to the peer
    std::string expected_name; ///< empty: it connected to us, or nobody knows its name
    config::Purpose purpose = config::Purpose::general;

    Circumstances() = default;
    explicit Circumstances(const PeerQuery & query)
        : role(query.role), listener(query.role == PeerRole::client ? query.listener : std::string_view()),
          expected_name(query.role == PeerRole::server ? query.expected_name : std::string_view()), purpose(query.purpose)
    {
    }

    [[nodiscard]] bool are_those_of(const PeerQuery & query) const
    {
        return role == query.role && purpose == query.purpose
               && (role == PeerRole::client ? listener == query.listener : expected_name == query.expected_name);
    }
    [[nodiscard]] auto operator<=>(const Circumstances &) const = default;
    /// For counts: the listener's name, or "outgoing".
    [[nodiscard]] std::string place() const { return role == PeerRole::server ? "outgoing" : listener; }
};

}
