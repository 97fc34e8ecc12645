#pragma once

// What was asked for: ClickHouse's openSSL section, the ports, and <mtls>, as plain values. Nothing here has been loaded.

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

namespace chmtls::config
{

/// openSSL.*.verificationMode
enum class VerificationMode
{
    none,
    relaxed,
    once,
    strict,
};

enum class CertificateHandler
{
    reject, ///< RejectCertificateHandler, MtlsCertificateHandler: what does not verify is refused
    accept, ///< AcceptCertificateHandler: connections to servers may go on, never with an identity
};

enum class ProtocolVersion : uint16_t
{
    tls1_0 = 0x0301,
    tls1_1 = 0x0302,
    tls1_2 = 0x0303,
    tls1_3 = 0x0304,
};

/// openSSL.server or openSSL.client, as ClickHouse documents it.
struct TlsSection
{
    std::string certificate_file;
    std::string private_key_file;
    std::string ca_config; ///< file or directory; empty: none
    bool load_default_ca_file = false;
    VerificationMode verification_mode = VerificationMode::relaxed;
    size_t verification_depth = 9;
    CertificateHandler handler = CertificateHandler::reject;
    std::string cipher_list;   ///< TLS 1.2 and older; judged and applied by the host
    std::string cipher_suites; ///< TLS 1.3
    ProtocolVersion min_version = ProtocolVersion::tls1_2;
    ProtocolVersion max_version = ProtocolVersion::tls1_3;
    bool prefer_server_ciphers = false;
    bool cache_sessions = false;
    std::string dh_params_file;
    bool extended_verification = false;
    std::string passphrase; ///< privateKeyPassphraseHandler.options.password; the loader moves it into guarded memory
};

/// What a connection that we make is for.
enum class Purpose : uint8_t
{
    general, ///< url(), dictionaries: openSSL.client decides
    node,    ///< another ClickHouse node
    keeper,  ///< ZooKeeper or Keeper
};

enum class ClientCertificate
{
    none,
    optional,
    required,
};

/// Are refusals carried out?
enum class Mode : uint8_t
{
    enforce,
    observe, ///< judged and counted as if, but nothing is refused that the stock server would not refuse
};

enum class CertificateLogin
{
    header, ///< HTTPS: only when X-ClickHouse-SSL-Certificate-Auth: on asks for it
    always, ///< a verified certificate with no other credentials is enough, and may name no user
};

/// The listener of other nodes: it always requires a client certificate.
inline constexpr std::string_view interserver_listener = "interserver_https_port";

struct Listener
{
    std::string name; ///< tcp_port_secure, https_port, interserver_https_port
    uint16_t port = 0;
    ClientCertificate client_certificate = ClientCertificate::optional;
    Mode mode = Mode::enforce;
};

struct SniCertificate
{
    std::vector<std::string> server_names;
    std::string certificate_file;
    std::string private_key_file;
    std::string passphrase;
};

enum class RevocationPolicy
{
    off,
    if_present,
    require,
};

/// What a list past its nextUpdate and grace makes of the certificates it is for.
enum class StaleList
{
    closed, ///< refused
    open,   ///< accepted unless listed
};

struct RevocationRule
{
    RevocationPolicy policy = RevocationPolicy::if_present;
    std::chrono::seconds grace{0};
    StaleList stale = StaleList::closed;
};

/// <revocation>
struct RevocationSection
{
    RevocationRule rule;
    std::chrono::seconds warn_before{3600};            ///< of a list's nextUpdate
    std::map<std::string, RevocationRule> authorities; ///< by subject, as normal_distinguished_name
};

struct TrustDomain
{
    std::string name;
    std::string bundle_file;
    std::vector<std::string> crl_files{}; ///< for this domain alone
    RevocationSection revocation{};
};

/// What becomes of a live session that no longer passes.
enum class OnRevoked : uint8_t
{
    now,         ///< closed at once
    after_query, ///< closed when the query that it runs has ended, at the latest after max_wait
};

/// <sessions>
struct Sessions
{
    OnRevoked on_revoked = OnRevoked::now;
    std::chrono::milliseconds max_wait{60000};
};

/// Kinds of files that can have to be signed.
enum class PolicyFile : uint8_t
{
    rules,   ///< users.rules_file
    bundles, ///< trust_domains.trust_domain.bundle
    crls,    ///< crl
};

/// <signed_policy>: files that count only with a detached minisign signature beside them.
struct SignedPolicy
{
    std::vector<std::string> public_keys; ///< in base64, or files
    std::set<PolicyFile> required;
    std::string state_file; ///< remembers sequence numbers across restarts
};

/// A rule as written; mapping compiles it.
struct Matcher
{
    std::string field;
    std::string pattern;
};

/// When and how a rule holds.
struct RuleTerms
{
    std::optional<UnixTime> valid_from;
    std::optional<UnixTime> valid_until;
    std::optional<std::chrono::seconds> max_session;
    bool password_required = false; ///< ClickHouse's own password as well
};

struct Rule
{
    std::string name;
    std::vector<Matcher> matchers;
    std::string user;
    std::string source;
    RuleTerms terms{};
};

/// <mtls><dns>
struct DnsSettings
{
    bool enabled = false;           ///< the section is there; without it nothing is watched
    std::vector<std::string> names; ///< to watch: <watch> and the names of `hosts`; each once, no addresses
    /// Every host that the configuration names, addresses too: <watch>, remote_servers, zookeeper, mtls.nodes, mtls.keeper and
    /// <networks> of users; as normal_host writes them, each once, in order. With or without the section.
    std::vector<std::string> hosts;
    std::vector<std::string> servers; ///< resolvers, "address" or "address:port"; empty: the system's
    std::chrono::milliseconds min_ttl{5000};
    std::chrono::milliseconds max_ttl{300000};
    std::chrono::milliseconds negative_ttl{10000};
    std::chrono::milliseconds min_interval{5000};      ///< between two flushes
    size_t failures = 3;                               ///< connects in a row that failed before the host is flushed; 0: never
    std::optional<std::chrono::milliseconds> schedule; ///< flush everything this often
    bool on_rotation = false;                          ///< flush everything when our own certificates changed
};

/// <expect>: whom the server at a configured host has to be.
struct Expectation
{
    std::string host;
    std::string spiffe_id;
    std::string source;
};

/// Who may be a peer of a kind: <nodes> or <keeper>. The rules yield no user, so theirs is empty.
struct PeerSection
{
    std::vector<Rule> rules;
    std::vector<Expectation> expected;
};

/// What becomes of ports and entries that let data cross the network in plain text.
enum class Plaintext
{
    refuse,
    warn,
    allow,
};

struct NodesSection
{
    PeerSection peers;
    std::vector<std::string> acts_as;         ///< users that a node may log in as
    std::vector<std::string> table_functions; ///< users whose statements may name whom the node's certificate is shown to
    Plaintext plaintext = Plaintext::refuse;
    bool unasked_inserts = false; ///< rows that no user's query has brought go to other nodes
};

/// <credentials>: what is shown on connections of one purpose, instead of openSSL.client's.
struct PurposeCertificate
{
    std::string certificate_file;
    std::string private_key_file;
    std::string passphrase;
};

/// Kinds of peers that limits are given for.
enum class PeerClass : uint8_t
{
    users,  ///< clients that log in
    nodes,  ///< other nodes, whoever connects to whom
    keeper, ///< Keeper or ZooKeeper
};
inline constexpr size_t peer_class_count = 3;

/// <limits>: what the certificates of a class of peers must be, beyond being valid. What is not set is not limited.
struct CertificateLimits
{
    std::optional<uint64_t> min_rsa_bits;
    std::vector<std::string> curves;           ///< as openssl::key_strength names them
    std::vector<std::string> signature_hashes; ///< as openssl::signature_hash names them
    std::optional<std::chrono::seconds> max_certificate_lifetime;
    std::optional<std::chrono::seconds> min_remaining_lifetime;
};

/// <limits> of connections that have not come as far as a login. 0: the host's choice, from what it can serve.
struct UnfinishedLimits
{
    std::chrono::seconds handshake_timeout{10}; ///< from accept to the end of the login
    uint32_t total = 0;
    uint32_t per_address = 0;
};

/// <mtls> absent: `enabled` is false and the host leaves the server as it is.
/// <mtls><audit>.
struct AuditTrail
{
    std::string file;             ///< empty: none
    bool refuses_without = false; ///< <on_failure>: nobody is let in by certificate while records cannot be written

    bool operator==(const AuditTrail &) const = default;
};

struct Settings
{
    bool enabled = false;
    Mode mode = Mode::enforce; ///< of what has no listener; the listeners have their own
    TlsSection server;
    TlsSection client;
    std::vector<Listener> listeners;
    std::vector<SniCertificate> sni;
    std::vector<TrustDomain> trust_domains;
    std::vector<std::string> crl_files; ///< <mtls><crl>: files or directories, for the server side
    RevocationSection revocation;
    std::vector<Rule> rules;
    std::vector<std::string> rules_files;
    SignedPolicy signed_policy;
    Sessions sessions;
    CertificateLogin certificate_login = CertificateLogin::header;
    std::optional<NodesSection> nodes; ///< there: node identities are enforced
    std::optional<PeerSection> keeper;
    std::optional<PurposeCertificate> node_certificate;
    std::optional<PurposeCertificate> keeper_certificate;
    std::array<CertificateLimits, peer_class_count> limits; ///< by PeerClass
    std::optional<int> security_level; ///< of peers' chains; nothing: OpenSSL's for our connections, at least 1
    UnfinishedLimits unfinished;
    bool core_dumps = false; ///< may the process, which holds private keys, be dumped
    std::chrono::milliseconds poll_interval{5000};
    DnsSettings dns;
    std::string admin_socket; ///< <mtls><admin><socket>; empty: none
    AuditTrail audit;
    std::vector<std::string> warnings; ///< settings that are honoured but deserve a word
};

/// users.<name>.ssl_certificates as written.
struct UserSection
{
    std::string user;
    std::vector<std::string> common_names;
    std::vector<std::string> subject_alt_names;
    bool has_password = false;
    std::string source;
};

}
