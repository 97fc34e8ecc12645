#include "config/settings_digest.h"

#include <type_traits>

namespace chmtls::config
{

namespace
{

// Structured bindings name every member: a member that is added does not compile until it is decided here.

void put(Digester & digester, const std::string & text)
{
    digester.add(text);
}

template <typename T>
requires(std::is_integral_v<T> || std::is_enum_v<T>) void put(Digester & digester, T value)
{
    digester.add(std::to_string(static_cast<int64_t>(value)));
}

void put(Digester & digester, const TlsSection & section)
{
    const auto & [certificate, key, ca, default_ca, mode, depth, handler, ciphers, suites, min, max, prefer, cache, dh, extended, passphrase]
        = section;
    static_cast<void>(passphrase);
    put(digester, certificate);
    put(digester, key);
    put(digester, ca);
    put(digester, default_ca);
    put(digester, mode);
    put(digester, depth);
    put(digester, handler);
    put(digester, ciphers);
    put(digester, suites);
    put(digester, min);
    put(digester, max);
    put(digester, prefer);
    put(digester, cache);
    put(digester, dh);
    put(digester, extended);
}

template <typename T>
void put(Digester & digester, const std::vector<T> & list);

void put(Digester & digester, std::chrono::seconds duration)
{
    put(digester, duration.count());
}

void put(Digester & digester, UnixTime time)
{
    put(digester, time.time_since_epoch());
}

template <typename T>
void put(Digester & digester, const std::optional<T> & value);

void put(Digester & digester, const CertificateLimits & limits)
{
    const auto & [rsa, curves, hashes, lifetime, remaining] = limits;
    put(digester, rsa);
    put(digester, curves);
    put(digester, hashes);
    put(digester, lifetime);
    put(digester, remaining);
}

void put(Digester & digester, const UnfinishedLimits & limits)
{
    const auto & [handshake_timeout, total, per_address] = limits;
    put(digester, handshake_timeout);
    put(digester, total);
    put(digester, per_address);
}

void put(Digester & digester, const Listener & listener)
{
    const auto & [name, port, client_certificate, mode] = listener;
    put(digester, name);
    put(digester, port);
    put(digester, client_certificate);
    put(digester, mode);
}

void put(Digester & digester, const SniCertificate & certificate)
{
    const auto & [names, file, key, passphrase] = certificate;
    static_cast<void>(passphrase);
    put(digester, names);
    put(digester, file);
    put(digester, key);
}

void put(Digester & digester, const RevocationRule & rule)
{
    const auto & [policy, grace, stale] = rule;
    put(digester, policy);
    put(digester, grace);
    put(digester, stale);
}

void put(Digester & digester, const RevocationSection & section)
{
    const auto & [rule, warn_before, authorities] = section;
    put(digester, rule);
    put(digester, warn_before);
    put(digester, authorities.size());
    for (const auto & [subject, own] : authorities)
    {
        put(digester, subject);
        put(digester, own);
    }
}

void put(Digester & digester, const TrustDomain & domain)
{
    const auto & [name, bundle, crls, revocation] = domain;
    put(digester, name);
    put(digester, bundle);
    put(digester, crls);
    put(digester, revocation);
}

void put(Digester & digester, const Sessions & sessions)
{
    const auto & [on_revoked, max_wait] = sessions;
    put(digester, on_revoked);
    put(digester, max_wait.count());
}

void put(Digester & digester, const SignedPolicy & policy)
{
    const auto & [keys, required, state_file] = policy;
    put(digester, keys);
    put(digester, std::vector<PolicyFile>(required.begin(), required.end()));
    put(digester, state_file);
}

void put(Digester & digester, const Matcher & matcher)
{
    const auto & [field, pattern] = matcher;
    put(digester, field);
    put(digester, pattern);
}

void put(Digester & digester, const RuleTerms & terms)
{
    const auto & [from, until, session, password] = terms;
    put(digester, from);
    put(digester, until);
    put(digester, session);
    put(digester, password);
}

void put(Digester & digester, const Rule & rule)
{
    const auto & [name, matchers, user, source, terms] = rule;
    static_cast<void>(source); // where it stands changes nothing
    put(digester, name);
    put(digester, matchers);
    put(digester, user);
    put(digester, terms);
}

void put(Digester & digester, const Expectation & expectation)
{
    const auto & [host, spiffe_id, source] = expectation;
    static_cast<void>(source);
    put(digester, host);
    put(digester, spiffe_id);
}

void put(Digester & digester, const PeerSection & section)
{
    const auto & [rules, expected] = section;
    put(digester, rules);
    put(digester, expected);
}

void put(Digester & digester, const NodesSection & section)
{
    const auto & [peers, acts_as, table_functions, plaintext, unasked_inserts] = section;
    put(digester, peers);
    put(digester, acts_as);
    put(digester, table_functions);
    put(digester, plaintext);
    put(digester, unasked_inserts);
}

void put(Digester & digester, const PurposeCertificate & certificate)
{
    const auto & [file, key, passphrase] = certificate;
    static_cast<void>(passphrase);
    put(digester, file);
    put(digester, key);
}

template <typename T>
void put(Digester & digester, const std::optional<T> & value)
{
    put(digester, value.has_value());
    if (value)
        put(digester, *value);
}

void put(Digester & digester, const UserSection & section)
{
    const auto & [user, common_names, subject_alt_names, has_password, source] = section;
    static_cast<void>(source);
    put(digester, user);
    put(digester, common_names);
    put(digester, subject_alt_names);
    put(digester, has_password);
}

void put(Digester & digester, const UserRights & rights)
{
    const auto & [user, open, limited, has_login, from_anywhere] = rights;
    static_cast<void>(has_login);
    static_cast<void>(from_anywhere);
    put(digester, user);
    put(digester, open);
    put(digester, limited);
}

template <typename T>
void put(Digester & digester, const std::vector<T> & list)
{
    put(digester, list.size());
    for (const T & each : list)
        put(digester, each);
}

void put(Digester & digester, const DnsSettings & dns)
{
    const auto & [enabled, names, hosts, servers, min_ttl, max_ttl, negative_ttl, min_interval, failures, schedule, on_rotation]
        = dns;
    put(digester, enabled);
    put(digester, names);
    put(digester, hosts);
    put(digester, servers);
    put(digester, min_ttl.count());
    put(digester, max_ttl.count());
    put(digester, negative_ttl.count());
    put(digester, min_interval.count());
    put(digester, failures);
    put(digester, schedule ? schedule->count() : -1);
    put(digester, on_rotation);
}

}

Digest32 digest_of(const Settings & settings)
{
    const auto & [enabled, mode, server, client, listeners, sni, domains, crls, revocation, rules, rules_files, signed_policy, sessions, login, nodes, keeper, node_certificate, keeper_certificate, limits, security_level, unfinished, core_dumps, poll, dns, admin_socket, audit, warnings]
        = settings;
    static_cast<void>(warnings);
    Digester digester;
    put(digester, enabled);
    put(digester, mode);
    put(digester, server);
    put(digester, client);
    put(digester, listeners);
    put(digester, sni);
    put(digester, domains);
    put(digester, crls);
    put(digester, revocation);
    put(digester, rules);
    put(digester, rules_files);
    put(digester, signed_policy);
    put(digester, sessions);
    put(digester, login);
    put(digester, nodes);
    put(digester, keeper);
    put(digester, node_certificate);
    put(digester, keeper_certificate);
    for (const CertificateLimits & each : limits)
        put(digester, each);
    put(digester, security_level);
    put(digester, unfinished);
    put(digester, core_dumps);
    put(digester, poll.count());
    put(digester, dns);
    put(digester, admin_socket);
    put(digester, audit.file);
    put(digester, audit.refuses_without);
    return digester.finish();
}

Digest32 digest_of(const std::vector<UserRights> & users)
{
    Digester digester;
    put(digester, users);
    return digester.finish();
}

Digest32 digest_of(const std::vector<UserSection> & users)
{
    Digester digester;
    put(digester, users);
    return digester.finish();
}

}
