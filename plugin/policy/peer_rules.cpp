#include "policy/peer_rules.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/host_name.h"

namespace chmtls::policy
{

namespace
{

using config::Purpose;

/// Where only cluster nodes may be.
bool asks_for_node(const PeerQuery & query)
{
    return query.role == PeerRole::client ? query.listener == config::interserver_listener : query.purpose == Purpose::node;
}

bool asks_for_keeper(const PeerQuery & query)
{
    return query.role == PeerRole::server && query.purpose == Purpose::keeper;
}

const generation::Peers * peers_for(const generation::Generation & generation, const PeerQuery & query)
{
    if (asks_for_node(query))
        return generation.nodes.get();
    if (asks_for_keeper(query))
        return generation.keeper.get();
    return nullptr;
}

/// Is the server's name compared, whatever extendedVerification says?
bool always_named(const generation::Generation & generation, const PeerQuery & query)
{
    return query.purpose == Purpose::keeper || (query.purpose == Purpose::node && generation.nodes != nullptr);
}

std::optional<PeerRefusal> refuse_by_rule(const mapping::PeerRules & rules, const PeerQuery & query, const Identity & peer)
{
    const auto match = rules.match(peer.subject());
    if (match.matched())
        return std::nullopt;
    if (match.reason != Reason::no_rule)
        return PeerRefusal{match.reason, fmt::format("'{}': {}", peer.describe(), match.message)};
    if (asks_for_keeper(query))
        return PeerRefusal{
            Reason::keeper_rule,
            fmt::format("'{}' is no Keeper of ours: no rule of mtls.keeper matches it ({})", peer.describe(), rules.names())};
    return PeerRefusal{
        Reason::node_rule,
        fmt::format(
            "'{}' is no node of ours{}: no rule of mtls.nodes matches it ({})", peer.describe(),
            query.role == PeerRole::client ? " and may not use " + std::string(query.listener) : std::string(), rules.names())};
}

/// The SPIFFE ID that <expect> wants of this host, and null when it wants none.
const std::string * expected_id(const generation::Peers * peers, std::string_view host)
{
    if (peers == nullptr || peers->expected.empty())
        return nullptr;
    const auto found = peers->expected.find(config::normal_host(host));
    return found == peers->expected.end() ? nullptr : &found->second;
}

/// What it carries instead, and how it is mended.
std::string names_shown(const openssl::CertificateFacts & facts, std::string_view expected)
{
    const bool address = config::is_address(config::normal_host(expected));
    const std::string wanted = fmt::format("{}:{}", address ? "IP" : "DNS", printable(expected));
    if (facts.san.dns.empty() && facts.san.ips.empty())
        return fmt::format(
            ": it has no DNS name and no address, and the common name is not looked at (RFC 9525); issue it with the subject "
            "alternative name {}",
            wanted);
    std::vector<std::string> names = facts.san.dns;
    names.insert(names.end(), facts.san.ips.begin(), facts.san.ips.end());
    constexpr size_t most = 8;
    const bool more = names.size() > most;
    names.resize(std::min(names.size(), most));
    return fmt::format(
        ", but {}{}; connect by one of these, or issue it with {}", printable(fmt::format("{}", fmt::join(names, ", ")), 1024),
        more ? ", …" : "", wanted);
}

std::optional<PeerRefusal>
refuse_by_name(const generation::Generation & generation, const PeerQuery & query, const Identity & peer)
{
    if (query.role != PeerRole::server)
        return std::nullopt;
    const bool always = always_named(generation, query);
    const bool extended = generation.settings.client.extended_verification;
    if (query.expected_name.empty())
    {
        if (always)
            return PeerRefusal{Reason::name_mismatch, "there is no configured name to compare the server's with"};
        if (extended)
            return PeerRefusal{
                Reason::name_mismatch,
                "openSSL.client.extendedVerification is on, but there is no name to compare the server's with"};
        return std::nullopt;
    }
    // Nodes that nobody declared are called as before: their names count when extendedVerification says so.
    if (query.purpose == Purpose::node && !always && !extended)
        return std::nullopt;
    if (const auto * wanted = expected_id(peers_for(generation, query), query.expected_name))
    {
        if (peer.spiffe_id == *wanted)
            return std::nullopt;
        return PeerRefusal{
            Reason::name_mismatch,
            fmt::format(
                "the server at '{}' is '{}', not {} as <expect> says", printable(query.expected_name), peer.describe(), *wanted)};
    }
    if (trust::proves_name(peer.path, std::string(query.expected_name)))
        return std::nullopt;
    return PeerRefusal{
        Reason::name_mismatch, fmt::format(
                                   "the server's certificate '{}' does not carry the name '{}'{}", peer.describe(),
                                   printable(query.expected_name), names_shown(peer.leaf.facts(), query.expected_name))};
}

}

const mapping::PeerRules * rules_for(const generation::Generation & generation, const PeerQuery & query)
{
    const auto * peers = peers_for(generation, query);
    return peers == nullptr ? nullptr : peers->rules.get();
}

bool looks_at_ids(const generation::Generation & generation, const PeerQuery & query)
{
    if (query.role == PeerRole::client && !asks_for_node(query))
        return true;
    return rules_for(generation, query) != nullptr
           || (query.role == PeerRole::server && expected_id(peers_for(generation, query), query.expected_name) != nullptr);
}

std::string node_rule(std::string_view rule)
{
    return fmt::format("nodes: {}", rule);
}

std::string keeper_rule(std::string_view rule)
{
    return fmt::format("keeper: {}", rule);
}

std::optional<PeerRefusal>
refuse_by_rules(const generation::Generation & generation, const PeerQuery & query, const Identity & peer)
{
    if (const auto * rules = rules_for(generation, query))
        if (auto refused = refuse_by_rule(*rules, query, peer))
            return refused;
    return refuse_by_name(generation, query, peer);
}

}
