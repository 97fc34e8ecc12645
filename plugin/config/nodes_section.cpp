#include "config/nodes_section.h"

#include <array>

#include <fmt/format.h>

#include "config/openssl_section.h"
#include "config/rule_section.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 3> plaintext_words{"refuse", "warn", "allow"};
constexpr std::array<std::string_view, 2> unasked_words{"refuse", "allow"};

void read_expectation(const Element & element, const std::string & path, PeerSection & peers, Findings & findings)
{
    Section section(element, path, findings);
    Expectation result;
    result.host = section.text("host").value_or("");
    result.spiffe_id = section.text("spiffe_id").value_or("");
    result.source = fmt::format("{}: {}", at_line(findings.source(), element.line), path);
    if (!element.find("host"))
        section.refuse("", "no <host>", "name the host as remote_servers or zookeeper does");
    if (!element.find("spiffe_id"))
        section.refuse("", "no <spiffe_id>", "say which SPIFFE ID the server at that host has");
    section.refuse_unknown();
    if (!result.host.empty() && !result.spiffe_id.empty())
        peers.expected.push_back(std::move(result));
}

PeerSection read_peers(Section & section, Findings & findings)
{
    PeerSection peers;
    const std::vector<const Element *> rules = section.children("rule");
    for (size_t i = 0; i < rules.size(); ++i)
    {
        const std::string path = fmt::format("{}.rule[{}]", section.path(), i);
        if (auto rule = read_rule(*rules[i], path, RuleKind::says_who, findings))
            peers.rules.push_back(std::move(*rule));
    }
    const std::vector<const Element *> expected = section.children("expect");
    for (size_t i = 0; i < expected.size(); ++i)
        read_expectation(*expected[i], fmt::format("{}.expect[{}]", section.path(), i), peers, findings);
    return peers;
}

/// A peer that nobody verifies has no identity that a rule could look at.
void refuse_unverified(Section & section, const TlsSection & client)
{
    if (client.verification_mode == VerificationMode::none)
        section.refuse(
            "", "openSSL.client.verificationMode is none, so the servers that we connect to would not be verified",
            "set openSSL.client.verificationMode to relaxed or strict");
    if (client.handler == CertificateHandler::accept)
        section.refuse(
            "",
            "openSSL.client.invalidCertificateHandler is AcceptCertificateHandler, so servers that do not verify would be taken "
            "all the same",
            "set openSSL.client.invalidCertificateHandler to RejectCertificateHandler");
}

std::vector<std::string> read_users(Section & nodes, std::string_view key, std::string_view remedy, Findings & findings)
{
    const Element * element = nodes.child(key);
    if (!element)
        return {};
    Section section(*element, nodes.key_path(key, 0, 1), findings);
    auto users = section.texts("user");
    if (!element->find("user"))
        section.refuse("", "holds no <user>", fmt::format("{}, or remove the section", remedy));
    section.refuse_unknown();
    return users;
}

std::optional<PurposeCertificate> read_certificate(Section & credentials, std::string_view key, Findings & findings)
{
    const Element * element = credentials.child(key);
    if (!element)
        return std::nullopt;
    Section section(*element, credentials.key_path(key, 0, 1), findings);
    PurposeCertificate result;
    result.private_key_file = section.text("privateKeyFile").value_or("");
    result.certificate_file = section.text("certificateFile").value_or(result.private_key_file);
    if (!element->find("privateKeyFile"))
        section.refuse("", "no <privateKeyFile>", "name the certificate's key");
    result.passphrase = read_passphrase(section, findings);
    section.refuse_unknown();
    return result;
}

}

void read_nodes(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("nodes");
    if (!element)
        return;
    Section section(*element, mtls.key_path("nodes", 0, 1), findings);
    NodesSection nodes;
    nodes.peers = read_peers(section, findings);
    if (!element->find("rule"))
        section.refuse("", "holds no <rule>, so no certificate would be a node's", "say which certificates are your nodes'");
    nodes.acts_as = read_users(section, "acts_as", "name the users that distributed queries run as", findings);
    nodes.table_functions = read_users(
        section, "table_functions", "name the users whose statements may say whom this node's certificate is shown to", findings);
    if (const auto word = section.word("plaintext", plaintext_words))
        nodes.plaintext = static_cast<Plaintext>(*word);
    if (const auto word = section.word("unasked_inserts", unasked_words))
        nodes.unasked_inserts = *word == 1;
    refuse_unverified(section, settings.client);
    section.refuse_unknown();
    settings.nodes = std::move(nodes);
}

void read_keeper(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("keeper");
    if (!element)
        return;
    Section section(*element, mtls.key_path("keeper", 0, 1), findings);
    settings.keeper = read_peers(section, findings);
    if (!element->find("rule") && !element->find("expect"))
        section.refuse("", "holds neither <rule> nor <expect>", "say who your Keeper servers are, or remove the section");
    refuse_unverified(section, settings.client);
    section.refuse_unknown();
}

void read_purpose_certificates(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("credentials");
    if (!element)
        return;
    Section section(*element, mtls.key_path("credentials", 0, 1), findings);
    settings.node_certificate = read_certificate(section, "node", findings);
    settings.keeper_certificate = read_certificate(section, "keeper", findings);
    if (!element->find("node") && !element->find("keeper"))
        section.refuse("", "holds neither <node> nor <keeper>", "add one, or remove the section");
    section.refuse_unknown();
}

}
