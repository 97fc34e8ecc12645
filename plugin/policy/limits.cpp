#include "policy/limits.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "openssl/strength.h"

namespace chmtls::policy
{

namespace
{

using openssl::Certificate;

LimitVerdict weak(const Certificate & certificate, size_t depth, const std::string & what)
{
    return {
        Reason::weak,
        fmt::format("certificate of '{}' (depth {}) {}", printable(certificate.facts().subject, 1024), depth, what),
        {}};
}

std::optional<LimitVerdict> key_defect(const config::CertificateLimits & limits, const Certificate & certificate, size_t depth)
{
    if (!limits.min_rsa_bits && limits.curves.empty())
        return std::nullopt;
    const openssl::KeyStrength key = openssl::key_strength(certificate);
    if (key.kind == openssl::KeyKind::rsa && limits.min_rsa_bits && key.bits < *limits.min_rsa_bits)
        return weak(
            certificate, depth,
            fmt::format("has an RSA key of {} bits, less than min_rsa_bits {}", key.bits, *limits.min_rsa_bits));
    if (key.kind == openssl::KeyKind::curve && !limits.curves.empty()
        && std::find(limits.curves.begin(), limits.curves.end(), key.curve) == limits.curves.end())
        return weak(
            certificate, depth,
            fmt::format("has a key on {}, which is none of the curves {}", key.curve, fmt::join(limits.curves, ", ")));
    return std::nullopt;
}

std::optional<LimitVerdict>
signature_defect(const config::CertificateLimits & limits, const Certificate & certificate, size_t depth)
{
    if (limits.signature_hashes.empty())
        return std::nullopt;
    const std::string hash = openssl::signature_hash(certificate);
    const auto & allowed = limits.signature_hashes;
    if (hash.empty() || std::find(allowed.begin(), allowed.end(), hash) != allowed.end())
        return std::nullopt;
    return weak(
        certificate, depth,
        fmt::format("is signed with the hash {}, which is none of signature_hashes {}", hash, fmt::join(allowed, ", ")));
}

LimitVerdict judge_lifetime(const config::CertificateLimits & limits, const Certificate & leaf, UnixTime now)
{
    const openssl::CertificateFacts & facts = leaf.facts();
    const std::string subject = printable(facts.subject, 1024);
    if (limits.max_certificate_lifetime && facts.not_after - facts.not_before > *limits.max_certificate_lifetime)
        return {
            Reason::lifetime,
            fmt::format(
                "certificate of '{}' lives from {} to {}, longer than max_certificate_lifetime {} s", subject,
                format_rfc3339(facts.not_before), format_rfc3339(facts.not_after), limits.max_certificate_lifetime->count()),
            {}};
    if (!limits.min_remaining_lifetime)
        return {};
    const UnixTime last = facts.not_after - *limits.min_remaining_lifetime;
    if (now < last)
        return {Reason::valid, {}, last};
    return {
        Reason::ending,
        fmt::format(
            "certificate of '{}' ends at {}, and min_remaining_lifetime wants {} s to be left", subject,
            format_rfc3339(facts.not_after), limits.min_remaining_lifetime->count()),
        {}};
}

bool is_node(const generation::Generation & generation, const Identity & peer)
{
    const auto & nodes = generation.nodes;
    return nodes != nullptr && nodes->rules != nullptr && nodes->rules->match(peer.subject()).matched();
}

std::optional<config::PeerClass>
class_of(const generation::Generation & generation, const PeerQuery & query, const Identity & peer)
{
    if (query.role == PeerRole::client)
        return query.listener == config::interserver_listener || is_node(generation, peer) ? config::PeerClass::nodes
                                                                                           : config::PeerClass::users;
    switch (query.purpose)
    {
    case config::Purpose::node:
        return config::PeerClass::nodes;
    case config::Purpose::keeper:
        return config::PeerClass::keeper;
    case config::Purpose::general:
        break;
    }
    return std::nullopt;
}

}

const config::CertificateLimits *
limits_for(const generation::Generation & generation, const PeerQuery & query, const Identity & peer)
{
    const auto found = class_of(generation, query, peer);
    return found ? &generation.settings.limits[static_cast<size_t>(*found)] : nullptr;
}

LimitVerdict apply_limits(const config::CertificateLimits * limits, const std::vector<openssl::Certificate> & path, UnixTime now)
{
    if (limits == nullptr || path.empty())
        return {};
    for (size_t depth = 0; depth < path.size(); ++depth)
    {
        if (auto defect = key_defect(*limits, path[depth], depth))
            return std::move(*defect);
        const bool anchor = depth + 1 == path.size();
        if (auto defect = anchor ? std::nullopt : signature_defect(*limits, path[depth], depth))
            return std::move(*defect);
    }
    return judge_lifetime(*limits, path.front(), now);
}

}
