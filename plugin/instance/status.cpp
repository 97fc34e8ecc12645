#include "instance/status.h"

#include <sstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include "instance/dns_status.h"

namespace chmtls::instance
{

namespace
{

using Poco::Dynamic::Var;
using Object = Poco::JSON::Object;
using Array = Poco::JSON::Array;

Object object()
{
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Var number(uint64_t value)
{
    return Poco::UInt64(value);
}

Var number(const std::optional<uint64_t> & value)
{
    return value ? number(*value) : Var();
}

Var time(const std::optional<UnixTime> & value)
{
    return value ? Var(format_rfc3339(*value)) : Var();
}

Object json(const ListenerState & listener)
{
    auto one = object();
    one.set("name", listener.name);
    one.set("port", listener.port);
    one.set("client_certificate", std::string(listener.client_certificate));
    one.set("mode", std::string(listener.mode));
    return one;
}

Object json(const CredentialState & credential)
{
    auto one = object();
    one.set("role", std::string(credential.role));
    Array names;
    for (const auto & name : credential.server_names)
        names.add(name);
    one.set("server_names", names);
    one.set("subject", credential.subject);
    one.set("serial", credential.serial);
    one.set("fingerprint_sha256", credential.fingerprint_sha256);
    one.set("not_after", format_rfc3339(credential.not_after));
    return one;
}

Object json(const TrustState & trust)
{
    auto one = object();
    one.set("client_authorities", number(trust.client_authorities));
    one.set("server_authorities", number(trust.server_authorities));
    auto domains = object();
    for (const auto & [name, authorities] : trust.trust_domains)
        domains.set(name, number(authorities));
    one.set("trust_domains", domains);
    one.set("rules", number(trust.rules));
    one.set("node_rules", number(trust.node_rules));
    one.set("keeper_rules", number(trust.keeper_rules));
    one.set("certificate_users", number(trust.certificate_users));
    return one;
}

Object json(const ListState & list)
{
    auto one = object();
    one.set("source", list.source);
    one.set("issuer", list.issuer);
    one.set("entries", number(list.entries));
    one.set("this_update", format_rfc3339(list.this_update));
    one.set("next_update", time(list.next_update));
    one.set("policy", std::string(list.policy));
    one.set("stale", std::string(list.stale));
    one.set("state", std::string(list.state));
    return one;
}

Object json(const generation::ReloadState & state)
{
    auto one = object();
    one.set("published", number(state.reloads));
    one.set("failures", number(state.failures));
    one.set("last_success", format_rfc3339(state.last_success));
    one.set("failing_since", time(state.failing_since));
    one.set("last_error", state.last_error.empty() ? Var() : Var(state.last_error));
    return one;
}

Object json(const WouldRefuseRow & row)
{
    auto one = object();
    one.set("stage", std::string(row.stage));
    one.set("where", row.where);
    one.set("identity", row.identity);
    one.set("user", row.user);
    one.set("reason", std::string(row.reason));
    one.set("count", number(row.count));
    one.set("last", format_rfc3339(row.last));
    one.set("generation", number(row.generation));
    one.set("message", row.message);
    return one;
}

Object json(const std::map<std::string_view, uint64_t> & counts)
{
    auto one = object();
    for (const auto & [code, count] : counts)
        one.set(std::string(code), number(count));
    return one;
}

Object json(const SessionCounts & sessions)
{
    auto one = object();
    one.set("live", number(sessions.live));
    one.set("closed", number(sessions.closed));
    one.set("ending_with_their_query", number(sessions.ending_with_their_query));
    return one;
}

Object json(const TrailState & trail)
{
    auto one = object();
    one.set("file", trail.file);
    one.set("head", trail.head);
    one.set("lost", number(trail.lost));
    one.set("trouble", trail.trouble.empty() ? Var() : Var(trail.trouble));
    return one;
}

template <typename Row>
Array rows(const std::vector<Row> & all)
{
    Array array;
    for (const Row & row : all)
        array.add(json(row));
    return array;
}

}

std::string status_json(const Snapshot & snapshot)
{
    auto status = object();
    status.set("version", std::string(snapshot.version));
    status.set("abi", snapshot.abi);
    status.set("enabled", snapshot.enabled);
    status.set("generation", number(snapshot.generation));
    status.set("digest", to_hex(snapshot.digest));
    status.set("loaded_at", format_rfc3339(snapshot.loaded_at));
    status.set("reload", json(snapshot.reload));
    status.set("in_part", snapshot.in_part);
    status.set("listeners", rows(snapshot.listeners));
    status.set("credentials", rows(snapshot.credentials));
    status.set("trust", json(snapshot.trust));
    status.set("revocation_lists", rows(snapshot.revocation_lists));
    status.set("peers", json(snapshot.peers));
    status.set("logins", json(snapshot.logins));
    status.set("sessions", json(snapshot.sessions));
    auto observed = object();
    observed.set("rows", rows(snapshot.would_refuse));
    observed.set("not_listed", number(snapshot.would_refuse_not_listed));
    status.set("would_refuse", observed);
    status.set("dns", dns_summary(snapshot.dns));
    if (snapshot.audit)
        status.set("audit", json(*snapshot.audit));
    Array warnings;
    for (const auto & warning : snapshot.warnings)
        warnings.add(warning);
    status.set("warnings", warnings);
    std::ostringstream out;
    status.stringify(out);
    return out.str();
}

}
