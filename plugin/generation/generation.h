#pragma once

// One generation: everything that a decision needs, of one moment, immutable.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/settings.h"
#include "credentials/credential.h"
#include "credentials/ticket_keys.h"
#include "generation/revocation_list.h"
#include "mapping/clickhouse_users.h"
#include "mapping/peer_rules.h"
#include "signature/sequences.h"
#include "spiffe/bundle.h"
#include "trust/path.h"

namespace chmtls::generation
{

/// What a certificate of ours is for.
enum class Use : uint8_t
{
    server, ///< whoever connects to us
    client, ///< what we connect to; openSSL.client's own
    node,
    keeper,
};
inline constexpr std::array all_uses{Use::server, Use::client, Use::node, Use::keeper};

/// "server", "client", "node", "keeper".
[[nodiscard]] std::string_view name(Use use);

template <typename T>
struct ByUse
{
    std::array<T, all_uses.size()> values{};

    [[nodiscard]] T & operator[](Use use) { return values[static_cast<size_t>(use)]; }
    [[nodiscard]] const T & operator[](Use use) const { return values[static_cast<size_t>(use)]; }
};

/// Who may be a peer of a kind.
struct Peers
{
    std::shared_ptr<const mapping::PeerRules> rules;          ///< null: anybody whose certificate is believed
    std::map<std::string, std::string, std::less<>> expected; ///< by config::normal_host: the SPIFFE ID that its server must have
    std::vector<std::string> acts_as;                         ///< nodes: the users that they may log in as
    std::set<std::string, std::less<>>
        table_functions;                           ///< nodes: users whose statements may name whom our certificate is shown to
    std::set<std::string, std::less<>> open_users; ///< nodes: users as whom everybody may log in, by an empty password
};

struct Generation
{
    uint64_t number = 0;
    Digest32 digest{}; ///< of the content of everything read
    UnixTime loaded_at{};
    config::Settings settings; ///< as asked; passphrases removed

    /// Null, of nodes and Keepers: they are shown openSSL.client's.
    ByUse<std::shared_ptr<const credentials::CredentialSet>> credentials;
    std::shared_ptr<const credentials::CredentialSet> general_credentials; ///< openSSL.client's; null: something of ours knows it
    std::shared_ptr<const trust::TrustStore> client_trust;                 ///< verifies peers that connect to us (openSSL.server)
    std::shared_ptr<const trust::TrustStore> server_trust;                 ///< verifies peers that we connect to (openSSL.client)
    std::shared_ptr<const trust::TrustStore> stock_client_trust; ///< the same without anything of <mtls>: for observe mode
    std::shared_ptr<const trust::TrustStore> stock_server_trust; ///< likewise
    std::shared_ptr<const spiffe::BundleSet> bundles;
    std::vector<RevocationList> revocation_lists; ///< in force in any of the three above
    std::shared_ptr<const mapping::RuleSet> rules;
    std::shared_ptr<const mapping::ClickHouseUsers> users;
    std::shared_ptr<const Peers> nodes;  ///< null: node identities are not enforced
    std::shared_ptr<const Peers> keeper; ///< null: any server with the configured name
    signature::Sequences sequences;      ///< of signed files that are or were in force: they may only grow
    credentials::TicketKey ticket_key;   ///< new with every generation: a change ends resumption
    std::vector<std::string> warnings;
    /// There while some sources cannot be taken: the last generation that was whole. What it refuses is refused here as well, so
    /// that news of the other sources take trust away and never add any.
    std::shared_ptr<const Generation> floor;

    [[nodiscard]] const config::Listener * listener(std::string_view name) const;
    /// What we show under an id (CredentialSet); null: nothing.
    [[nodiscard]] std::shared_ptr<const credentials::Credential> credential(uint64_t id) const;
    /// What we show to the servers that we connect to; null: nothing. `asker`: the user whose statement named the server, empty
    /// when nobody is known; nothing: the configuration or Keeper named it.
    [[nodiscard]] const std::shared_ptr<const credentials::CredentialSet> &
    client_credentials_for(config::Purpose purpose, std::optional<std::string_view> asker = std::nullopt) const;
};

using GenerationPtr = std::shared_ptr<const Generation>;

}
