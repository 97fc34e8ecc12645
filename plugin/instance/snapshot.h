#pragma once

// The state of an instance at one moment, as values: what is in force, since when, what is served, the last reload, what was
// decided and how often. Whoever prints it (status.h) asks nothing else. Names, dates, digests and counts only; never a key, a
// passphrase or a ticket key. What a peer or a file has written is cut and printable already.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/service.h"
#include "instance/auditor.h"
#include "observe/counters.h"
#include "observe/would_refuse.h"
#include "reload/manager.h"

namespace chmtls::instance
{

struct ListenerState
{
    std::string name;
    uint16_t port = 0;
    std::string_view client_certificate; ///< "none", "optional", "required"
    std::string_view mode;               ///< "enforce", "observe"
};

/// A certificate of ours.
struct CredentialState
{
    std::string_view role; ///< generation::name(Use)
    std::vector<std::string> server_names;
    std::string subject;
    std::string serial;
    std::string fingerprint_sha256;
    UnixTime not_after{};
};

struct TrustState
{
    uint64_t client_authorities = 0;
    uint64_t server_authorities = 0;
    std::map<std::string, uint64_t> trust_domains; ///< authorities by name
    uint64_t rules = 0;
    std::optional<uint64_t> node_rules;   ///< nothing: no such section
    std::optional<uint64_t> keeper_rules; ///< likewise
    uint64_t certificate_users = 0;
};

struct ListState
{
    std::string source;
    std::string issuer;
    uint64_t entries = 0;
    UnixTime this_update{};
    std::optional<UnixTime> next_update;
    std::string_view policy;
    std::string_view stale;
    std::string_view state; ///< of the moment
};

struct SessionCounts
{
    uint64_t live = 0;
    uint64_t closed = 0;
    uint64_t ending_with_their_query = 0;
};

/// What is only observed, one row for each kind of refusal.
struct WouldRefuseRow
{
    std::string_view stage;
    std::string where;
    std::string identity;
    std::string user;
    std::string_view reason;
    uint64_t count = 0;
    UnixTime last{};
    uint64_t generation = 0;
    std::string message;
};

/// The file of the audit trail.
struct TrailState
{
    std::string file;
    std::string head;
    uint64_t lost = 0;   ///< records that could not be written
    std::string trouble; ///< why the last one could not; empty: it was written
};

struct Snapshot
{
    std::string_view version;
    std::string abi;
    bool enabled = false;
    uint64_t generation = 0;
    Digest32 digest{};
    UnixTime loaded_at{};
    bool in_part = false; ///< a floor holds it
    generation::ReloadState reload;
    std::vector<ListenerState> listeners;
    std::vector<CredentialState> credentials;
    TrustState trust;
    std::vector<ListState> revocation_lists;
    std::map<std::string_view, uint64_t> peers; ///< handshakes by the code of the reason
    std::map<std::string_view, uint64_t> logins;
    SessionCounts sessions;
    std::vector<WouldRefuseRow> would_refuse;
    uint64_t would_refuse_not_listed = 0;
    dns::Status dns;
    std::optional<TrailState> audit; ///< nothing: there is no audit trail
    std::vector<std::string> warnings;
};

/// What a snapshot is taken of.
struct StatusFacts
{
    const generation::Generation & generation;
    const generation::ReloadState & reload;
    const observe::Counters & counters;
    SessionCounts sessions = {};
    const observe::WouldRefuse & would_refuse;
    dns::Status dns = {};
    TrailStatus audit = {};
    UnixTime now;
};

[[nodiscard]] Snapshot take_snapshot(const StatusFacts & facts);

}
