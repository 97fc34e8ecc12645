// The digest of what was asked for changes with every setting, and with nothing else.

#include <functional>

#include <gtest/gtest.h>

#include "config/settings_digest.h"

namespace chmtls::config
{
namespace
{

Settings full()
{
    Settings settings;
    settings.enabled = true;
    settings.listeners = {{"https_port", 8443, ClientCertificate::optional}};
    settings.sni = {{{"a.example"}, "/c", "/k", ""}};
    settings.trust_domains = {{"example.org", "/b"}};
    settings.rules = {{"n", {{"dns", "a"}}, "u", "config.xml:1"}};
    settings.nodes = NodesSection{
        {{{"n", {{"dns", "a"}}, "", "config.xml:2"}}, {{"h", "spiffe://a/b", "config.xml:3"}}}, {"default"}, {"etl"}};
    settings.node_certificate = PurposeCertificate{"/c", "/k", ""};
    return settings;
}

struct Change
{
    std::string name;
    std::function<void(Settings &)> apply;
};

void PrintTo(const Change & one, std::ostream * out)
{
    *out << one.name;
}

class SettingsDigest : public testing::TestWithParam<Change>
{
};

TEST_P(SettingsDigest, Changes)
{
    Settings changed = full();
    GetParam().apply(changed);
    EXPECT_NE(digest_of(changed), digest_of(full()));
    EXPECT_EQ(digest_of(full()), digest_of(full()));
}

INSTANTIATE_TEST_SUITE_P(
    With, SettingsDigest,
    testing::Values(
        Change{
            "Enabled",
            [](Settings & s)
            {
                s.enabled = false;
            }},
        Change{
            "Certificate",
            [](Settings & s)
            {
                s.server.certificate_file = "x";
            }},
        Change{
            "Key",
            [](Settings & s)
            {
                s.server.private_key_file = "x";
            }},
        Change{
            "Ca",
            [](Settings & s)
            {
                s.server.ca_config = "x";
            }},
        Change{
            "ClientCa",
            [](Settings & s)
            {
                s.client.ca_config = "x";
            }},
        Change{
            "DefaultCa",
            [](Settings & s)
            {
                s.server.load_default_ca_file = true;
            }},
        Change{
            "VerificationMode",
            [](Settings & s)
            {
                s.server.verification_mode = VerificationMode::strict;
            }},
        Change{
            "Depth",
            [](Settings & s)
            {
                s.server.verification_depth = 1;
            }},
        Change{
            "Handler",
            [](Settings & s)
            {
                s.server.handler = CertificateHandler::accept;
            }},
        Change{
            "CipherList",
            [](Settings & s)
            {
                s.server.cipher_list = "x";
            }},
        Change{
            "CipherSuites",
            [](Settings & s)
            {
                s.server.cipher_suites = "x";
            }},
        Change{
            "MinVersion",
            [](Settings & s)
            {
                s.server.min_version = ProtocolVersion::tls1_3;
            }},
        Change{
            "MaxVersion",
            [](Settings & s)
            {
                s.server.max_version = ProtocolVersion::tls1_2;
            }},
        Change{
            "PreferServer",
            [](Settings & s)
            {
                s.server.prefer_server_ciphers = true;
            }},
        Change{
            "CacheSessions",
            [](Settings & s)
            {
                s.server.cache_sessions = true;
            }},
        Change{
            "DhParams",
            [](Settings & s)
            {
                s.server.dh_params_file = "x";
            }},
        Change{
            "ExtendedVerification",
            [](Settings & s)
            {
                s.server.extended_verification = true;
            }},
        Change{
            "Mode",
            [](Settings & s)
            {
                s.mode = Mode::observe;
            }},
        Change{
            "ListenerMode",
            [](Settings & s)
            {
                s.listeners[0].mode = Mode::observe;
            }},
        Change{
            "ListenerName",
            [](Settings & s)
            {
                s.listeners[0].name = "tcp_port_secure";
            }},
        Change{
            "ListenerPort",
            [](Settings & s)
            {
                s.listeners[0].port = 1;
            }},
        Change{
            "ListenerPolicy",
            [](Settings & s)
            {
                s.listeners[0].client_certificate = ClientCertificate::none;
            }},
        Change{
            "SniName",
            [](Settings & s)
            {
                s.sni[0].server_names = {"b.example"};
            }},
        Change{
            "SniKey",
            [](Settings & s)
            {
                s.sni[0].private_key_file = "x";
            }},
        Change{
            "TrustDomain",
            [](Settings & s)
            {
                s.trust_domains[0].name = "x";
            }},
        Change{
            "Bundle",
            [](Settings & s)
            {
                s.trust_domains[0].bundle_file = "x";
            }},
        Change{
            "Crl",
            [](Settings & s)
            {
                s.crl_files = {"x"};
            }},
        Change{
            "RuleName",
            [](Settings & s)
            {
                s.rules[0].name = "x";
            }},
        Change{
            "RuleField",
            [](Settings & s)
            {
                s.rules[0].matchers[0].field = "x";
            }},
        Change{
            "RulePattern",
            [](Settings & s)
            {
                s.rules[0].matchers[0].pattern = "x";
            }},
        Change{
            "RuleUser",
            [](Settings & s)
            {
                s.rules[0].user = "x";
            }},
        Change{
            "RuleFrom",
            [](Settings & s)
            {
                s.rules[0].terms.valid_from = UnixTime();
            }},
        Change{
            "RuleUntil",
            [](Settings & s)
            {
                s.rules[0].terms.valid_until = UnixTime();
            }},
        Change{
            "RuleSession",
            [](Settings & s)
            {
                s.rules[0].terms.max_session = std::chrono::seconds(1);
            }},
        Change{
            "RulePassword",
            [](Settings & s)
            {
                s.rules[0].terms.password_required = true;
            }},
        Change{
            "RulesFile",
            [](Settings & s)
            {
                s.rules_files = {"x"};
            }},
        Change{
            "SignedPolicyKey",
            [](Settings & s)
            {
                s.signed_policy.public_keys = {"x"};
            }},
        Change{
            "SignedPolicyRequired",
            [](Settings & s)
            {
                s.signed_policy.required = {PolicyFile::crls};
            }},
        Change{
            "SignedPolicyState",
            [](Settings & s)
            {
                s.signed_policy.state_file = "x";
            }},
        Change{
            "OnRevoked",
            [](Settings & s)
            {
                s.sessions.on_revoked = OnRevoked::after_query;
            }},
        Change{
            "MaxWait",
            [](Settings & s)
            {
                s.sessions.max_wait = std::chrono::seconds(1);
            }},
        Change{
            "Login",
            [](Settings & s)
            {
                s.certificate_login = CertificateLogin::always;
            }},
        Change{
            "DnsPresence",
            [](Settings & s)
            {
                s.dns.enabled = true;
            }},
        Change{
            "DnsNames",
            [](Settings & s)
            {
                s.dns.names = {"x"};
            }},
        Change{
            "DnsHosts",
            [](Settings & s)
            {
                s.dns.hosts = {"x"};
            }},
        Change{
            "DnsServers",
            [](Settings & s)
            {
                s.dns.servers = {"127.0.0.1"};
            }},
        Change{
            "DnsMinTtl",
            [](Settings & s)
            {
                s.dns.min_ttl = std::chrono::milliseconds(1);
            }},
        Change{
            "DnsMaxTtl",
            [](Settings & s)
            {
                s.dns.max_ttl = std::chrono::milliseconds(1);
            }},
        Change{
            "DnsNegativeTtl",
            [](Settings & s)
            {
                s.dns.negative_ttl = std::chrono::milliseconds(1);
            }},
        Change{
            "DnsMinInterval",
            [](Settings & s)
            {
                s.dns.min_interval = std::chrono::milliseconds(1);
            }},
        Change{
            "DnsFailures",
            [](Settings & s)
            {
                s.dns.failures = 1;
            }},
        Change{
            "DnsSchedule",
            [](Settings & s)
            {
                s.dns.schedule = std::chrono::milliseconds(1);
            }},
        Change{
            "DnsOnRotation",
            [](Settings & s)
            {
                s.dns.on_rotation = true;
            }},
        Change{
            "AdminSocket",
            [](Settings & s)
            {
                s.admin_socket = "/x";
            }},
        Change{
            "AuditTrail",
            [](Settings & s)
            {
                s.audit.file = "/x";
            }},
        Change{
            "AuditOnFailure",
            [](Settings & s)
            {
                s.audit.refuses_without = true;
            }},
        Change{
            "NoNodes",
            [](Settings & s)
            {
                s.nodes.reset();
            }},
        Change{
            "NodeRule",
            [](Settings & s)
            {
                s.nodes->peers.rules[0].matchers[0].pattern = "x";
            }},
        Change{
            "ExpectHost",
            [](Settings & s)
            {
                s.nodes->peers.expected[0].host = "x";
            }},
        Change{
            "ExpectId",
            [](Settings & s)
            {
                s.nodes->peers.expected[0].spiffe_id = "x";
            }},
        Change{
            "ActsAs",
            [](Settings & s)
            {
                s.nodes->acts_as.clear();
            }},
        Change{
            "TableFunctions",
            [](Settings & s)
            {
                s.nodes->table_functions.clear();
            }},
        Change{
            "Plaintext",
            [](Settings & s)
            {
                s.nodes->plaintext = Plaintext::allow;
            }},
        Change{
            "UnaskedInserts",
            [](Settings & s)
            {
                s.nodes->unasked_inserts = true;
            }},
        Change{
            "Keeper",
            [](Settings & s)
            {
                s.keeper.emplace();
            }},
        Change{
            "NodeCertificate",
            [](Settings & s)
            {
                s.node_certificate->certificate_file = "x";
            }},
        Change{
            "NodeKey",
            [](Settings & s)
            {
                s.node_certificate->private_key_file = "x";
            }},
        Change{
            "KeeperCertificate",
            [](Settings & s)
            {
                s.keeper_certificate = s.node_certificate;
            }},
        Change{
            "CertificateOfAnotherPurpose",
            [](Settings & s)
            {
                std::swap(s.keeper_certificate, s.node_certificate);
            }},
        Change{
            "TrustDomainCrl",
            [](Settings & s)
            {
                s.trust_domains[0].crl_files = {"x"};
            }},
        Change{
            "TrustDomainRevocation",
            [](Settings & s)
            {
                s.trust_domains[0].revocation.rule.policy = RevocationPolicy::require;
            }},
        Change{
            "RevocationPolicy",
            [](Settings & s)
            {
                s.revocation.rule.policy = RevocationPolicy::off;
            }},
        Change{
            "RevocationGrace",
            [](Settings & s)
            {
                s.revocation.rule.grace = std::chrono::seconds(1);
            }},
        Change{
            "RevocationStale",
            [](Settings & s)
            {
                s.revocation.rule.stale = StaleList::open;
            }},
        Change{
            "RevocationWarnBefore",
            [](Settings & s)
            {
                s.revocation.warn_before = std::chrono::seconds(1);
            }},
        Change{
            "RevocationAuthority",
            [](Settings & s)
            {
                s.revocation.authorities["CN=a"] = {};
            }},
        Change{
            "LimitRsa",
            [](Settings & s)
            {
                s.limits[0].min_rsa_bits = 3072;
            }},
        Change{
            "SecurityLevel",
            [](Settings & s)
            {
                s.security_level = 2;
            }},
        Change{
            "LimitOfOtherClass",
            [](Settings & s)
            {
                s.limits[2].min_rsa_bits = 3072;
            }},
        Change{
            "LimitCurves",
            [](Settings & s)
            {
                s.limits[0].curves = {"P-256"};
            }},
        Change{
            "LimitHashes",
            [](Settings & s)
            {
                s.limits[0].signature_hashes = {"SHA256"};
            }},
        Change{
            "LimitLifetime",
            [](Settings & s)
            {
                s.limits[0].max_certificate_lifetime = std::chrono::seconds(1);
            }},
        Change{
            "LimitRemaining",
            [](Settings & s)
            {
                s.limits[0].min_remaining_lifetime = std::chrono::seconds(1);
            }},
        Change{
            "PollInterval",
            [](Settings & s)
            {
                s.poll_interval = std::chrono::milliseconds(1);
            }}),
    [](const auto & one) { return one.param.name; });

TEST(SettingsDigestOf, LeavesOutPassphrasesWarningsAndPlaces)
{
    Settings changed = full();
    changed.server.passphrase = "secret";
    changed.sni[0].passphrase = "secret";
    changed.warnings = {"w"};
    changed.rules[0].source = "elsewhere";
    changed.nodes->peers.rules[0].source = "elsewhere";
    changed.nodes->peers.expected[0].source = "elsewhere";
    changed.node_certificate->passphrase = "secret";
    EXPECT_EQ(digest_of(changed), digest_of(full()));
}

TEST(UsersDigest, ChangesWithEachPart)
{
    const std::vector<UserSection> users{{"a", {"cn"}, {"DNS:x"}, false, "here"}};
    auto changed = users;
    changed[0].source = "there";
    EXPECT_EQ(digest_of(changed), digest_of(users));
    changed[0].has_password = true;
    EXPECT_NE(digest_of(changed), digest_of(users));
    changed = users;
    changed[0].common_names.clear();
    EXPECT_NE(digest_of(changed), digest_of(users));
    changed = users;
    changed[0].subject_alt_names = {"DNS:y"};
    EXPECT_NE(digest_of(changed), digest_of(users));
}

}
}
