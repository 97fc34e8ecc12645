#include "policy/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/limits.h"
#include "policy/observing.h"
#include "policy/peer_rules.h"
#include "spiffe/svid.h"

namespace chmtls::policy
{

namespace
{

PeerVerdict refuse(Reason reason, std::string message)
{
    PeerVerdict verdict;
    verdict.reason = reason;
    verdict.message = std::move(message);
    return verdict;
}

/// Whom this side believes, and how far.
struct Side
{
    const trust::TrustStore * store = nullptr;
    trust::Purpose purpose = trust::Purpose::client_auth;
    size_t depth = 0;
    const char * section = ""; ///< of the configuration, for messages
};

Side side_of(const generation::Generation & generation, PeerRole role)
{
    const auto & settings = generation.settings;
    if (role == PeerRole::client)
        return {generation.client_trust.get(), trust::Purpose::client_auth, settings.server.verification_depth, "openSSL.server"};
    return {generation.server_trust.get(), trust::Purpose::server_auth, settings.client.verification_depth, "openSSL.client"};
}

/// Where verification is off nobody is verified, so nobody has an identity, whatever was sent.
std::optional<PeerVerdict> refuse_by_policy(const generation::Generation & generation, const PeerQuery & query)
{
    if (query.role == PeerRole::server)
    {
        if (generation.settings.client.verification_mode == config::VerificationMode::none)
            return refuse(
                Reason::verification_off,
                "openSSL.client.verificationMode is none: a server that is not verified has no identity");
        return std::nullopt;
    }
    const auto * listener = generation.listener(query.listener);
    if (listener == nullptr)
        return refuse(
            Reason::unknown_listener, fmt::format("there is no listener '{}' in the configuration", printable(query.listener)));
    if (listener->client_certificate == config::ClientCertificate::none)
        return refuse(
            Reason::verification_off,
            fmt::format(
                "listener '{}' asks for no client certificate: one that is shown all the same is not believed", listener->name));
    return std::nullopt;
}

std::optional<PeerVerdict> refuse_by_size(std::span<const ByteView> chain)
{
    if (chain.empty())
        return refuse(Reason::no_certificate, "the peer sent no certificate");
    if (chain.size() > max_chain_length)
        return refuse(Reason::resource, fmt::format("the peer sent more than {} certificates", max_chain_length));
    size_t left = max_chain_bytes;
    for (const auto & der : chain)
    {
        if (der.size() > left)
            return refuse(Reason::resource, fmt::format("the peer sent certificates of more than {} bytes", max_chain_bytes));
        left -= der.size();
    }
    return std::nullopt;
}

struct Judged
{
    trust::PathVerdict path;
    std::optional<spiffe::Id> id;
};

Judged judge_path(
    const generation::Generation & generation, const PeerQuery & query, const std::vector<openssl::Certificate> & sent,
    UnixTime now, std::vector<trust::RevocationStep> * revocation)
{
    const Side side = side_of(generation, query.role);
    const auto & leaf = sent.front();
    const std::span<const openssl::Certificate> intermediates{sent.data() + 1, sent.size() - 1};
    const bool trust_domains = generation.bundles != nullptr && !generation.bundles->empty();
    const bool claims_spiffe = trust_domains && spiffe::claims_spiffe(leaf.facts());
    if (claims_spiffe && looks_at_ids(generation, query))
    {
        auto svid = spiffe::verify_svid(*generation.bundles, leaf, intermediates, now, side.depth, revocation);
        return {std::move(svid.path), std::move(svid.id)};
    }
    trust::PathVerdict verdict;
    verdict.reason = Reason::unknown_ca;
    verdict.message = fmt::format("no authority is trusted here: {}.caConfig is not set", side.section);
    if (side.store != nullptr)
        verdict = side.store->verify(
            {.leaf = leaf,
             .intermediates = intermediates,
             .purpose = side.purpose,
             .depth = side.depth,
             .at = now,
             .revocation = revocation});
    if (claims_spiffe && verdict.reason == Reason::unknown_ca)
        verdict.message += fmt::format(
            "; trust domains do not count on such a connection, where no rule looks at its SPIFFE ID, only {}.caConfig does",
            side.section);
    return {std::move(verdict), std::nullopt};
}

tl::expected<std::vector<openssl::Certificate>, PeerVerdict> read_chain(std::span<const ByteView> chain)
{
    std::vector<openssl::Certificate> sent;
    sent.reserve(chain.size());
    for (const auto & der : chain)
    {
        auto certificate = openssl::Certificate::from_der(der);
        if (!certificate)
            return tl::unexpected(refuse(
                openssl::reason_of(certificate.error()),
                fmt::format("certificate {} of {}: {}", sent.size() + 1, chain.size(), certificate.error().describe())));
        sent.push_back(std::move(*certificate));
    }
    return sent;
}

Identity::Found found_in(const Judged & judged, uint64_t generation)
{
    const auto & path = judged.path.path;
    return {
        .path = path,
        .spiffe_id = judged.id ? std::optional(judged.id->text()) : std::nullopt,
        .trust_domain = judged.id ? std::optional(std::string(judged.id->trust_domain())) : std::nullopt,
        // A leaf that is an anchor itself has nobody above it on its path.
        .issuer_spki_sha256 = path.size() > 1 ? std::optional(path[1].facts().spki_sha256) : std::nullopt,
        .valid_until = judged.path.valid_until,
        .generation = generation,
    };
}

}

/// Makes the identities. Everything is judged as if enforced.
class PeerJudge
{
public:
    struct Answer
    {
        PeerVerdict verdict;
        IdentityPtr identified; ///< who the peer is by its chain, also where the rules for such peers refuse it
    };
    static Answer judge(
        const generation::Generation & generation, const PeerQuery & query, UnixTime now,
        std::vector<trust::RevocationStep> * revocation)
    {
        auto identified = identify(generation, query, now, revocation);
        if (!identified)
            return {std::move(identified.error()), nullptr};
        const std::shared_ptr<Identity> & identity = *identified;
        if (auto refused = refuse_by_rules(generation, query, *identity))
            return {refuse(refused->reason, std::move(refused->message)), identity};
        if (generation.floor != nullptr)
        {
            auto floor = judge(*generation.floor, query, now, nullptr).verdict;
            if (!floor.accepted())
                return {std::move(floor), identity};
            identity->valid_until = std::min(identity->valid_until, floor.valid_until);
            identity->by_floor = std::move(floor.identity);
        }
        return {{Reason::valid, {}, identity, identity->valid_until, false}, identity};
    }

private:
    /// The peer as far as its chain says who it is.
    static tl::expected<std::shared_ptr<Identity>, PeerVerdict> identify(
        const generation::Generation & generation, const PeerQuery & query, UnixTime now,
        std::vector<trust::RevocationStep> * revocation)
    {
        if (auto refused = refuse_by_policy(generation, query))
            return tl::unexpected(std::move(*refused));
        if (auto refused = refuse_by_size(query.chain))
            return tl::unexpected(std::move(*refused));
        auto sent = read_chain(query.chain);
        if (!sent)
            return tl::unexpected(std::move(sent.error()));
        auto judged = judge_path(generation, query, *sent, now, revocation);
        if (!judged.path.accepted())
            return tl::unexpected(refuse(judged.path.reason, std::move(judged.path.message)));
        auto identity = std::make_shared<Identity>(JudgesMark(), std::move(*sent), query, found_in(judged, generation.number));
        auto limited = apply_limits(limits_for(generation, query, *identity), judged.path.path, now);
        if (!limited.accepted())
            return tl::unexpected(refuse(limited.reason, std::move(limited.message)));
        identity->valid_until = std::min(identity->valid_until, limited.valid_until);
        return identity;
    }
};

namespace
{

PeerVerdict unless_observed(PeerVerdict verdict, const generation::Generation & generation, const PeerQuery & query, UnixTime now)
{
    verdict.let_through = lets_through(generation, query, verdict, now);
    return verdict;
}

}

PeerVerdict verify_peer(const generation::Generation & generation, const PeerQuery & query, UnixTime now)
{
    return unless_observed(PeerJudge::judge(generation, query, now, nullptr).verdict, generation, query, now);
}

PeerVerdict verify_again(const generation::Generation & generation, const Identity & identity, UnixTime now)
{
    return PeerJudge::judge(generation, identity.question(), now, nullptr).verdict;
}

PeerExplanation explain_peer(const generation::Generation & generation, const PeerQuery & query, UnixTime now)
{
    PeerExplanation explanation;
    auto answer = PeerJudge::judge(generation, query, now, &explanation.revocation);
    explanation.verdict = unless_observed(std::move(answer.verdict), generation, query, now);
    const auto * rules = rules_for(generation, query);
    if (rules == nullptr || answer.identified == nullptr)
        return explanation;
    explanation.traces = rules->explain(answer.identified->subject());
    for (auto & trace : explanation.traces)
        trace.rule = query.purpose == config::Purpose::keeper ? keeper_rule(trace.rule) : node_rule(trace.rule);
    return explanation;
}

}
