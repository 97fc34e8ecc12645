#include "generation/known_certificate.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "openssl/chain.h"
#include "spiffe/id.h"

namespace chmtls::generation
{

namespace
{

/// The ID that the leaf would have if it were verified as an SVID.
std::optional<spiffe::Id> claimed_id(const openssl::CertificateFacts & leaf)
{
    if (leaf.san.uris.size() != 1)
        return std::nullopt;
    auto id = spiffe::Id::parse(leaf.san.uris.front());
    return id ? std::optional(std::move(*id)) : std::nullopt;
}

std::vector<std::optional<Digest32>>
signing_keys(std::span<const openssl::Certificate> chain, std::span<const openssl::Certificate> authorities)
{
    std::vector<std::optional<Digest32>> keys;
    for (const auto & candidates : {chain.subspan(1), authorities})
        for (const openssl::Certificate & candidate : candidates)
            if (const auto key = std::optional(candidate.facts().spki_sha256);
                openssl::issued_by(chain.front(), candidate) && std::find(keys.begin(), keys.end(), key) == keys.end())
                keys.push_back(key);
    if (keys.empty())
        keys.emplace_back(); // signed by nobody that we know: such rules do not match
    return keys;
}

std::optional<std::string>
known_by_peers(const std::shared_ptr<const Peers> & peers, const mapping::Subject & subject, std::string_view section)
{
    if (peers == nullptr)
        return std::nullopt;
    if (subject.spiffe_id)
        for (const auto & [host, id] : peers->expected)
            if (id == *subject.spiffe_id)
                return fmt::format("<expect> of {} for {}", section, printable(host));
    if (peers->rules == nullptr)
        return std::nullopt;
    const auto match = peers->rules->match(subject);
    if (match.reason == Reason::no_rule)
        return std::nullopt;
    // What is too large to be matched counts as matched.
    return match.matched() ? fmt::format("rule '{}' of {}", printable(match.rule), section) : fmt::format("rules of {}", section);
}

std::optional<std::string> known_by_rules(const Generation & generation, const mapping::Subject & subject)
{
    constexpr std::string_view nobody; // no rule yields it: any that matches is another user's
    if (generation.rules->decide(subject, nobody, generation.loaded_at).reason == Reason::no_rule)
        return std::nullopt;
    const auto traces = generation.rules->explain(subject, generation.loaded_at);
    const auto matched = std::find_if(traces.begin(), traces.end(), [](const auto & trace) { return trace.matched; });
    return matched == traces.end() ? "rules of mtls.users" : fmt::format("rule '{}' of mtls.users", printable(matched->rule));
}

std::optional<std::string> known_by_users(const Generation & generation, const mapping::Subject & subject)
{
    for (const mapping::UserCertificates & each : generation.users->users())
        if (std::string matched; generation.users->matches(subject, each.user, &matched))
            return fmt::format("{} of user '{}'", matched, printable(each.user));
    return std::nullopt;
}

std::optional<std::string> known_subject(const Generation & generation, const mapping::Subject & subject)
{
    if (auto known = known_by_peers(generation.nodes, subject, "mtls.nodes"))
        return known;
    if (auto known = known_by_peers(generation.keeper, subject, "mtls.keeper"))
        return known;
    if (auto known = known_by_rules(generation, subject))
        return known;
    return known_by_users(generation, subject);
}

}

std::optional<std::string> known_as(
    const Generation & generation, std::span<const openssl::Certificate> chain, std::span<const openssl::Certificate> authorities)
{
    const auto & leaf = chain.front().facts();
    const auto id = claimed_id(leaf);
    for (const auto & key : signing_keys(chain, authorities))
    {
        // A certificate that a trust domain vouches for is matched by other rules than the same one of caConfig.
        if (auto known = known_subject(generation, {leaf, std::nullopt, std::nullopt, key}))
            return known;
        if (!id)
            continue;
        if (auto known = known_subject(generation, {leaf, id->text(), id->trust_domain(), key}))
            return known;
    }
    return std::nullopt;
}

}
