#include "config/mtls_section.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/ascii.h"
#include "config/admin_section.h"
#include "config/audit_section.h"
#include "config/dns_section.h"
#include "config/host_name.h"
#include "config/limits_section.h"
#include "config/nodes_section.h"
#include "config/openssl_section.h"
#include "config/revocation_section.h"
#include "config/rule_section.h"
#include "config/sessions_section.h"
#include "config/signed_policy_section.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 2> login_words{"header", "always"};
constexpr std::array<std::string_view, 2> mode_words{"enforce", "observe"};
constexpr std::array<std::string_view, 3> client_certificate_words{"none", "optional", "required"};
constexpr std::array<std::string_view, 3> listener_names{"tcp_port_secure", "https_port", "interserver_https_port"};

void read_mode(Section & mtls, Settings & settings)
{
    if (const auto mode = mtls.word("mode", mode_words))
        settings.mode = static_cast<Mode>(*mode);
    for (Listener & listener : settings.listeners)
        listener.mode = settings.mode;
}

/// In observe mode the stock server's own openSSL.server says whether a client must show a certificate at all.
void relax_observed_listeners(Settings & settings)
{
    const bool stock_requires = settings.server.verification_mode == VerificationMode::once
                                || settings.server.verification_mode == VerificationMode::strict;
    for (Listener & listener : settings.listeners)
    {
        if (listener.mode != Mode::observe)
            continue;
        settings.warnings.push_back(
            fmt::format("{} only observes: nothing is refused there that the stock server would not refuse", listener.name));
        if (listener.client_certificate != ClientCertificate::required || stock_requires)
            continue;
        listener.client_certificate
            = settings.server.verification_mode == VerificationMode::none ? ClientCertificate::none : ClientCertificate::optional;
        settings.warnings.push_back(fmt::format("{} would require a client certificate when it enforces", listener.name));
    }
}

void read_listener(const Element & element, Section & listeners, Settings & settings, Findings & findings)
{
    Section section(element, listeners.key_path(element.name, 0, 1), findings);
    const std::optional<size_t> word = section.word("client_certificate", client_certificate_words);
    const std::optional<size_t> mode = section.word("mode", mode_words);
    section.refuse_unknown();
    const auto listener = std::find_if(
        settings.listeners.begin(), settings.listeners.end(), [&](const Listener & each) { return each.name == element.name; });
    if (listener == settings.listeners.end())
    {
        listeners.refuse(
            element.name, fmt::format("<{}> is not configured, so there is no such listener", element.name),
            "set the port, or remove this section");
        return;
    }
    if (mode)
        listener->mode = static_cast<Mode>(*mode);
    if (!word)
        return;
    if (element.name == interserver_listener)
    {
        if (static_cast<ClientCertificate>(*word) != ClientCertificate::required)
            section.refuse(
                "client_certificate", "other nodes always have to show a certificate on this port",
                "write required, or remove the setting");
        return;
    }
    listener->client_certificate = static_cast<ClientCertificate>(*word);
    if (listener->client_certificate != ClientCertificate::none && settings.server.verification_mode == VerificationMode::none)
        section.refuse(
            "client_certificate", "asks for certificates that openSSL.server.verificationMode none would not verify",
            "set openSSL.server.verificationMode to relaxed or strict, or client_certificate to none");
}

void read_listeners(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("listeners");
    if (!element)
        return;
    Section section(*element, mtls.key_path("listeners", 0, 1), findings);
    for (const std::string_view name : listener_names)
        if (const Element * listener = section.child(name))
            read_listener(*listener, section, settings, findings);
    section.refuse_unknown();
}

/// A DNS name, or one with "*" as its whole left-most label (RFC 6066 3, RFC 9525 6.3).
bool is_server_name(std::string_view name)
{
    if (name.starts_with("*."))
        name.remove_prefix(2);
    return is_host_name(name);
}

void read_server_names(Section & section, SniCertificate & result, std::set<std::string> & seen)
{
    for (std::string name : section.texts("server_name"))
    {
        name = ascii_lower(name);
        if (!is_server_name(name))
            section.refuse(
                "server_name", fmt::format("\"{}\" is not a host name", printable(name)),
                "write a name such as db.example.org or *.example.org");
        else if (!seen.insert(name).second)
            section.refuse("server_name", fmt::format("\"{}\" is given twice", name), "name each server once");
        else
            result.server_names.push_back(std::move(name));
    }
}

void read_server_certificates(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("server_certificates");
    if (!element)
        return;
    Section list(*element, mtls.key_path("server_certificates", 0, 1), findings);
    const std::vector<const Element *> certificates = list.children("certificate");
    std::set<std::string> seen;
    for (size_t i = 0; i < certificates.size(); ++i)
    {
        Section section(*certificates[i], list.key_path("certificate", i, certificates.size()), findings);
        SniCertificate result;
        read_server_names(section, result, seen);
        if (!certificates[i]->find("server_name"))
            section.refuse("", "no <server_name>", "name the servers that this certificate is for");
        result.private_key_file = section.text("privateKeyFile").value_or("");
        result.certificate_file = section.text("certificateFile").value_or(result.private_key_file);
        if (!certificates[i]->find("privateKeyFile"))
            section.refuse("", "no <privateKeyFile>", "name the certificate's key");
        result.passphrase = read_passphrase(section, findings);
        section.refuse_unknown();
        settings.sni.push_back(std::move(result));
    }
    if (certificates.empty())
        list.refuse("", "holds no <certificate>", "add one, or remove the section");
    list.refuse_unknown();
}

void read_trust_domains(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("trust_domains");
    if (!element)
        return;
    Section list(*element, mtls.key_path("trust_domains", 0, 1), findings);
    const std::vector<const Element *> domains = list.children("trust_domain");
    std::set<std::string> seen;
    for (size_t i = 0; i < domains.size(); ++i)
    {
        Section section(*domains[i], list.key_path("trust_domain", i, domains.size()), findings);
        TrustDomain result;
        result.name = section.text("name").value_or("");
        result.bundle_file = section.text("bundle").value_or("");
        result.crl_files = section.texts("crl");
        result.revocation = read_revocation(section, settings.revocation, findings);
        if (!domains[i]->find("name"))
            section.refuse("", "no <name>", "name the trust domain");
        if (!domains[i]->find("bundle"))
            section.refuse("", "no <bundle>", "name the trust domain's bundle file");
        if (!result.name.empty() && !seen.insert(result.name).second)
            section.refuse(
                "name", fmt::format("trust domain \"{}\" is given twice; bundles are never merged", printable(result.name)),
                "put all of its authorities into one bundle");
        section.refuse_unknown();
        if (!result.name.empty() && !result.bundle_file.empty())
            settings.trust_domains.push_back(std::move(result));
    }
    if (domains.empty())
        list.refuse("", "holds no <trust_domain>", "add one, or remove the section");
    list.refuse_unknown();
}

void read_users(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("users");
    if (!element)
        return;
    Section section(*element, mtls.key_path("users", 0, 1), findings);
    const std::vector<const Element *> rules = section.children("rule");
    for (size_t i = 0; i < rules.size(); ++i)
    {
        const std::string path = fmt::format("{}.rule[{}]", section.path(), i);
        if (auto rule = read_rule(*rules[i], path, RuleKind::yields_user, findings))
            settings.rules.push_back(std::move(*rule));
    }
    settings.rules_files = section.texts("rules_file");
    section.refuse_unknown();
}

}

void read_mtls_section(const Element & element, Settings & settings, Findings & findings)
{
    Section section(element, "mtls", findings);
    section.ignore("module");
    if (const auto interval = section.seconds("poll_interval", 0.1, 86400))
        settings.poll_interval = *interval;
    if (const auto login = section.word("certificate_login", login_words))
        settings.certificate_login = static_cast<CertificateLogin>(*login);
    settings.core_dumps = section.flag("core_dumps").value_or(false);
    read_mode(section, settings);
    read_listeners(section, settings, findings);
    read_server_certificates(section, settings, findings);
    settings.revocation = read_revocation(section, {}, findings);
    read_trust_domains(section, settings, findings);
    settings.crl_files = section.texts("crl");
    read_users(section, settings, findings);
    read_dns_section(section, settings, findings);
    read_admin_section(section, settings, findings);
    read_audit_section(section, settings, findings);
    read_signed_policy(section, settings, findings);
    read_nodes(section, settings, findings);
    read_keeper(section, settings, findings);
    read_purpose_certificates(section, settings, findings);
    read_sessions(section, settings, findings);
    read_limits(section, settings, findings);
    relax_observed_listeners(settings);
    section.refuse_unknown();
}

}
