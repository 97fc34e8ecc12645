#include "instance/status.h"

#include <sstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include <clickhouse_mtls/plugin.h>

#include "base/version.h"
#include "instance/dns_status.h"

namespace chmtls::instance
{

namespace
{

using Poco::Dynamic::Var;
using Object = Poco::JSON::Object;
using Array = Poco::JSON::Array;

constexpr size_t text_limit = 4096;

Object object()
{
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

std::string text(std::string_view foreign)
{
    return printable(foreign, text_limit);
}

Var number(uint64_t value)
{
    return Poco::UInt64(value);
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

Array listeners(const generation::Generation & generation)
{
    Array array;
    for (const auto & listener : generation.settings.listeners)
    {
        auto one = object();
        one.set("name", text(listener.name));
        one.set("port", listener.port);
        one.set("client_certificate", std::string(word(listener.client_certificate)));
        one.set("mode", std::string(listener.mode == config::Mode::observe ? "observe" : "enforce"));
        array.add(one);
    }
    return array;
}

void add_credentials(Array & array, const std::string & role, const std::shared_ptr<const credentials::CredentialSet> & set)
{
    if (set == nullptr)
        return;
    for (const auto & credential : set->all())
    {
        auto one = object();
        one.set("role", std::string(role));
        Array names;
        for (const auto & name : credential->server_names)
            names.add(text(name));
        one.set("server_names", names);
        if (!credential->chain.empty())
        {
            const auto & facts = credential->chain.front().facts();
            one.set("subject", text(facts.subject));
            one.set("serial", facts.serial_hex);
            one.set("fingerprint_sha256", to_hex(facts.fingerprint_sha256));
            one.set("not_after", format_rfc3339(facts.not_after));
        }
        array.add(one);
    }
}

size_t authorities(const std::shared_ptr<const trust::TrustStore> & store)
{
    return store == nullptr ? 0 : store->anchors().size();
}

/// Null: no such section.
Var peer_rules(const std::shared_ptr<const generation::Peers> & peers)
{
    if (peers == nullptr)
        return {};
    return number(peers->rules == nullptr ? 0 : peers->rules->rules().size());
}

Object trust(const generation::Generation & generation)
{
    auto trusted = object();
    trusted.set("client_authorities", number(authorities(generation.client_trust)));
    trusted.set("server_authorities", number(authorities(generation.server_trust)));
    auto domains = object();
    if (generation.bundles != nullptr)
    {
        for (const auto & bundle : generation.bundles->bundles())
            domains.set(text(bundle.trust_domain), number(bundle.authorities.size()));
    }
    trusted.set("trust_domains", domains);
    trusted.set("rules", number(generation.rules == nullptr ? 0 : generation.rules->size()));
    trusted.set("node_rules", peer_rules(generation.nodes));
    trusted.set("keeper_rules", peer_rules(generation.keeper));
    trusted.set("certificate_users", number(generation.users == nullptr ? 0 : generation.users->users().size()));
    return trusted;
}

Array revocation_lists(const generation::Generation & generation, UnixTime now)
{
    Array array;
    for (const auto & list : generation.revocation_lists)
    {
        auto one = object();
        one.set("source", text(list.source));
        one.set("issuer", text(list.issuer));
        one.set("entries", number(list.entries));
        one.set("this_update", format_rfc3339(list.this_update));
        one.set("next_update", list.next_update ? Var(format_rfc3339(*list.next_update)) : Var());
        one.set("policy", std::string(trust::word(list.rule.policy)));
        one.set("stale", std::string(trust::word(list.rule.stale)));
        one.set("state", std::string(generation::word(generation::freshness(list, now))));
        array.add(one);
    }
    return array;
}

Object reload(const generation::ReloadState & state)
{
    auto one = object();
    one.set("published", number(state.reloads));
    one.set("failures", number(state.failures));
    one.set("last_success", format_rfc3339(state.last_success));
    one.set("failing_since", state.failing_since ? Var(format_rfc3339(*state.failing_since)) : Var());
    one.set("last_error", state.last_error.empty() ? Var() : Var(text(state.last_error)));
    return one;
}

Object would_refuse(const observe::WouldRefuse & table)
{
    Array rows;
    for (const auto & [refusal, observed] : table.rows())
    {
        auto one = object();
        one.set("stage", std::string(name(refusal.stage)));
        one.set("where", text(refusal.where));
        one.set("identity", text(refusal.identity));
        one.set("user", text(refusal.user));
        one.set("reason", std::string(code(refusal.reason)));
        one.set("count", number(observed.count));
        one.set("last", format_rfc3339(observed.last));
        one.set("generation", number(observed.generation));
        one.set("message", text(observed.message));
        rows.add(one);
    }
    auto all = object();
    all.set("rows", rows);
    all.set("not_listed", number(table.not_listed()));
    return all;
}

Object counted(const std::map<std::string_view, uint64_t> & counts)
{
    auto one = object();
    for (const auto & [code, count] : counts)
        one.set(std::string(code), number(count));
    return one;
}

Object audit(const TrailStatus & trail)
{
    auto result = object();
    result.set("file", text(trail.settings.file));
    result.set("head", trail.head.str());
    result.set("lost", number(trail.lost));
    result.set("trouble", trail.trouble.empty() ? Var() : Var(text(trail.trouble)));
    return result;
}

}

std::string status_json(const StatusFacts & facts)
{
    const auto & generation = facts.generation;
    auto status = object();
    status.set("version", std::string(version()));
    status.set("abi", fmt::format("{}.{}", CHMTLS_ABI_MAJOR, CHMTLS_ABI_MINOR));
    status.set("enabled", generation.settings.enabled);
    status.set("generation", number(generation.number));
    status.set("digest", to_hex(generation.digest));
    status.set("loaded_at", format_rfc3339(generation.loaded_at));
    status.set("reload", reload(facts.reload));
    status.set("in_part", generation.floor != nullptr);
    status.set("listeners", listeners(generation));
    Array credentials;
    for (const generation::Use use : generation::all_uses)
        add_credentials(credentials, std::string(name(use)), generation.credentials[use]);
    status.set("credentials", credentials);
    status.set("trust", trust(generation));
    status.set("revocation_lists", revocation_lists(generation, facts.now));
    status.set("peers", counted(facts.counters.handshakes_by_code()));
    status.set("logins", counted(facts.counters.logins_by_code()));
    auto sessions = object();
    sessions.set("live", number(facts.live_sessions));
    sessions.set("closed", number(facts.closed_sessions));
    sessions.set("ending_with_their_query", number(facts.ending_sessions));
    status.set("sessions", sessions);
    status.set("would_refuse", would_refuse(facts.would_refuse));
    status.set("dns", dns_summary(facts.dns));
    if (!facts.audit.settings.file.empty())
        status.set("audit", audit(facts.audit));
    Array warnings;
    for (const auto & warning : generation.warnings)
        warnings.add(text(warning));
    status.set("warnings", warnings);
    std::ostringstream out;
    status.stringify(out);
    return out.str();
}

}
