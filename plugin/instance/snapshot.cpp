#include "instance/snapshot.h"

#include <fmt/format.h>

#include <clickhouse_mtls/plugin.h>

#include "base/version.h"

namespace chmtls::instance
{

namespace
{

constexpr size_t text_limit = 4096;

std::string text(std::string_view foreign)
{
    return printable(foreign, text_limit);
}

std::string_view word(config::ClientCertificate mode)
{
    switch (mode)
    {
    case config::ClientCertificate::none:
        return "none";
    case config::ClientCertificate::optional:
        return "optional";
    case config::ClientCertificate::required:
        break;
    }
    return "required";
}

std::vector<ListenerState> listeners(const config::Settings & settings)
{
    std::vector<ListenerState> result;
    for (const auto & listener : settings.listeners)
        result.push_back(
            {text(listener.name), listener.port, word(listener.client_certificate),
             listener.mode == config::Mode::observe ? "observe" : "enforce"});
    return result;
}

CredentialState state_of(std::string_view role, const credentials::Credential & credential)
{
    CredentialState state{.role = role, .server_names = {}, .subject = {}, .serial = {}, .fingerprint_sha256 = {}};
    for (const auto & name : credential.server_names)
        state.server_names.push_back(text(name));
    const auto & facts = credential.chain.front().facts();
    state.subject = text(facts.subject);
    state.serial = facts.serial_hex;
    state.fingerprint_sha256 = to_hex(facts.fingerprint_sha256);
    state.not_after = facts.not_after;
    return state;
}

std::vector<CredentialState> credentials_of(const generation::Generation & generation)
{
    std::vector<CredentialState> result;
    for (const generation::Use use : generation::all_uses)
        if (const auto & set = generation.credentials[use])
            for (const auto & credential : set->all())
                result.push_back(state_of(name(use), *credential));
    return result;
}

uint64_t authorities(const std::shared_ptr<const trust::TrustStore> & store)
{
    return store == nullptr ? 0 : store->anchors().size();
}

std::optional<uint64_t> rules_of(const std::shared_ptr<const generation::Peers> & peers)
{
    if (peers == nullptr)
        return std::nullopt;
    return peers->rules == nullptr ? 0 : peers->rules->rules().size();
}

TrustState trust_of(const generation::Generation & generation)
{
    TrustState state;
    state.client_authorities = authorities(generation.client_trust);
    state.server_authorities = authorities(generation.server_trust);
    if (generation.bundles != nullptr)
        for (const auto & bundle : generation.bundles->bundles())
            state.trust_domains.emplace(text(bundle.trust_domain), bundle.authorities.size());
    state.rules = generation.rules == nullptr ? 0 : generation.rules->size();
    state.node_rules = rules_of(generation.nodes);
    state.keeper_rules = rules_of(generation.keeper);
    state.certificate_users = generation.users == nullptr ? 0 : generation.users->users().size();
    return state;
}

std::vector<ListState> lists_of(const generation::Generation & generation, UnixTime now)
{
    std::vector<ListState> result;
    for (const auto & list : generation.revocation_lists)
        result.push_back(
            {text(list.source), text(list.issuer), list.entries, list.this_update, list.next_update,
             trust::word(list.rule.policy), trust::word(list.rule.stale), generation::word(generation::freshness(list, now))});
    return result;
}

std::vector<WouldRefuseRow> rows_of(const observe::WouldRefuse & table)
{
    std::vector<WouldRefuseRow> result;
    for (const auto & [refusal, observed] : table.rows())
        result.push_back(
            {name(refusal.stage), text(refusal.where), text(refusal.identity), text(refusal.user), code(refusal.reason),
             observed.count, observed.last, observed.generation, text(observed.message)});
    return result;
}

}

Snapshot take_snapshot(const StatusFacts & facts)
{
    const auto & generation = facts.generation;
    Snapshot snapshot;
    snapshot.version = version();
    snapshot.abi = fmt::format("{}.{}", CHMTLS_ABI_MAJOR, CHMTLS_ABI_MINOR);
    snapshot.enabled = generation.settings.enabled;
    snapshot.generation = generation.number;
    snapshot.digest = generation.digest;
    snapshot.loaded_at = generation.loaded_at;
    snapshot.in_part = generation.floor != nullptr;
    snapshot.reload = facts.reload;
    snapshot.reload.last_error = text(facts.reload.last_error);
    snapshot.listeners = listeners(generation.settings);
    snapshot.credentials = credentials_of(generation);
    snapshot.trust = trust_of(generation);
    snapshot.revocation_lists = lists_of(generation, facts.now);
    snapshot.peers = facts.counters.handshakes_by_code();
    snapshot.logins = facts.counters.logins_by_code();
    snapshot.sessions = facts.sessions;
    snapshot.would_refuse = rows_of(facts.would_refuse);
    snapshot.would_refuse_not_listed = facts.would_refuse.not_listed();
    snapshot.dns = facts.dns;
    if (const auto & trail = facts.audit; !trail.settings.file.empty())
        snapshot.audit = {text(trail.settings.file), trail.head.str(), trail.lost, text(trail.trouble)};
    for (const auto & warning : generation.warnings)
        snapshot.warnings.push_back(text(warning));
    return snapshot;
}

}
