#include "config/parser.h"

#include <algorithm>
#include <array>

#include <clickhouse_mtls/section_name.h>
#include <fmt/format.h>

#include "config/dns_section.h"
#include "config/mtls_section.h"
#include "config/openssl_section.h"
#include "config/plaintext.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 3> port_keys{"tcp_port_secure", "https_port", "interserver_https_port"};

ClientCertificate by_verification_mode(VerificationMode mode)
{
    switch (mode)
    {
    case VerificationMode::none:
        return ClientCertificate::none;
    case VerificationMode::relaxed:
    case VerificationMode::once: // as in ClickHouse: SSL_VERIFY_CLIENT_ONCE without FAIL_IF_NO_PEER_CERT
        return ClientCertificate::optional;
    case VerificationMode::strict:
        return ClientCertificate::required;
    }
    return ClientCertificate::required;
}

bool is_root(const Element & root)
{
    return root.name == "clickhouse" || root.name == "yandex";
}

Error wrong_root(const Element & root, const std::string & source)
{
    return {
        at_line(source, root.line), "", fmt::format("the root element is <{}>", printable(root.name)),
        "use <clickhouse> (or <yandex>) as root", ""};
}

void read_ports(Section & top, Settings & settings)
{
    for (const std::string_view key : port_keys)
    {
        const std::optional<uint64_t> port = top.number(key, 1, 65535);
        if (!port)
            continue;
        const auto number = static_cast<uint16_t>(*port);
        const auto taken = std::find_if(
            settings.listeners.begin(), settings.listeners.end(), [&](const Listener & each) { return each.port == number; });
        if (taken != settings.listeners.end())
            top.refuse(key, fmt::format("port {} is {}'s already", number, taken->name), "give each listener its own port");
        settings.listeners.push_back(
            {std::string(key), number,
             key == interserver_listener ? ClientCertificate::required
                                         : by_verification_mode(settings.server.verification_mode)});
    }
}

/// Beside a listener for plaintext: the server opens one of the two, and says of the other that its address is in use. Two for
/// TLS are refused.
void warn_of_shared_ports(const Element & root, const std::string & source, Settings & settings)
{
    std::vector<std::pair<std::string_view, std::string_view>> plaintext;
    for (const std::string_view key : {"tcp_port", "http_port", "interserver_http_port"})
    {
        const Element * element = root.find(key);
        const std::string_view port = element ? trimmed(element->text) : std::string_view();
        if (port.empty())
            continue;
        std::string_view other;
        for (const Listener & each : settings.listeners)
            if (std::to_string(each.port) == port)
                other = each.name;
        for (const auto & [name, taken] : plaintext)
            if (taken == port)
                other = name;
        if (!other.empty())
        {
            const Error shared{
                at_line(source, element->line), std::string(key),
                fmt::format("port {} is {}'s already, and only one of the two will be opened", printable(port), other),
                "give each listener its own port", ""};
            settings.warnings.push_back(shared.describe());
        }
        plaintext.emplace_back(key, port);
    }
}

void read_openssl(Section & top, Settings & settings, Findings & findings)
{
    const Element * element = top.child("openSSL");
    if (!element)
        return;
    Section section(*element, "openSSL", findings);
    if (const Element * server = section.child("server"))
        settings.server = read_tls_section(*server, "openSSL.server", findings, settings.warnings);
    if (const Element * client = section.child("client"))
        settings.client = read_tls_section(*client, "openSSL.client", findings, settings.warnings);
    if (section.flag("fips").value_or(false))
        section.refuse(
            "fips", "FIPS mode cannot be switched on here", "configure OpenSSL's FIPS provider in its own openssl.cnf");
    section.refuse_unknown();
}

/// Enforced node identities mean little beside a port that asks nobody.
void check_plaintext(const Element & root, Settings & settings, Findings & findings)
{
    if (!settings.nodes || settings.nodes->plaintext == Plaintext::allow)
        return;
    if (settings.nodes->plaintext == Plaintext::refuse)
        return find_plaintext(root, findings);
    Findings found(findings.source());
    find_plaintext(root, found);
    for (const Error & each : found.take())
        settings.warnings.push_back(each.describe());
}

/// Whoever comes by a node's certificate, or makes a node say something, should not have the parts of all tables by that alone.
void advise_interserver_credentials(const Element & root, Settings & settings)
{
    if (root.find(interserver_listener) && !root.find("interserver_http_credentials"))
        settings.warnings.push_back("interserver_https_port: a certificate alone is enough to be given parts there; add "
                                    "interserver_http_credentials (user, "
                                    "password), the same on all replicas");
}

struct Mistaken
{
    std::string_view name;
    std::string_view right;
};
constexpr std::array mistaken_names{
    Mistaken{"interserver_http_port_secure", "interserver_https_port"},
    Mistaken{"interserver_http_secure_port", "interserver_https_port"},
    Mistaken{"interserver_https_host", "interserver_http_host"},
    Mistaken{"https_port_secure", "https_port"},
    Mistaken{"http_port_secure", "https_port"},
    Mistaken{"http_secure_port", "https_port"},
    Mistaken{"tcp_secure_port", "tcp_port_secure"},
    Mistaken{"tcp_ssl_port", "tcp_port_secure"},
    Mistaken{"tcp_port_ssl", "tcp_port_secure"},
    Mistaken{"https_certificate_file", "openSSL.server.certificateFile"},
    Mistaken{"https_private_key_file", "openSSL.server.privateKeyFile"},
    Mistaken{"ssl_certificate_file", "openSSL.server.certificateFile"},
    Mistaken{"ssl_private_key_file", "openSSL.server.privateKeyFile"},
    Mistaken{"openssl", "openSSL"},
    Mistaken{"OpenSSL", "openSSL"}};

/// ClickHouse passes over names that it does not know. These look as if they switched TLS on.
void warn_of_mistaken_names(const Element & root, Settings & settings)
{
    for (const Element & child : root.children)
        for (const auto & [name, right] : mistaken_names)
            if (child.name == name)
                settings.warnings.push_back(
                    fmt::format("<{}> is no setting of ClickHouse and does nothing: write {}", name, right));
}

/// Its name sounds as if a certificate were required once.
void warn_of_once(Settings & settings)
{
    if (settings.server.verification_mode != VerificationMode::once)
        return;
    for (const Listener & listener : settings.listeners)
        if (listener.client_certificate == ClientCertificate::optional)
            settings.warnings.push_back(fmt::format(
                "openSSL.server.verificationMode is once: as in ClickHouse {} asks for a client certificate and lets in who has "
                "none; to require one write <client_certificate>required</client_certificate> into mtls.listeners.{}",
                listener.name, listener.name));
}

void check_server(Section & top, const Settings & settings)
{
    if (!settings.listeners.empty() && settings.server.private_key_file.empty())
        top.refuse(
            "openSSL", "openSSL.server names no key and certificate although there are TLS listeners",
            "set openSSL.server.certificateFile and openSSL.server.privateKeyFile");
    if (settings.listeners.empty() && !settings.sni.empty())
        top.refuse("mtls", "server_certificates without any TLS listener", "set tcp_port_secure or https_port");
}

}

namespace
{

/// Fetches between replicas are by certificate only from the first <mtls> on, in both directions.
void warn_of_replicas_without_certificate(Settings & settings)
{
    const auto interserver = std::find_if(
        settings.listeners.begin(), settings.listeners.end(),
        [](const Listener & each) { return each.name == interserver_listener; });
    if (interserver == settings.listeners.end() || interserver->mode == Mode::observe || settings.node_certificate
        || !settings.client.certificate_file.empty())
        return;
    settings.warnings.push_back(fmt::format(
        "{} lets in replicas by certificate only, and this server has none to show to the others: it cannot fetch from those "
        "that "
        "have <mtls>, nor can replicas that have no certificate yet fetch from it; set mtls.credentials.node, and "
        "mtls.listeners.{}.mode to observe until every replica has a certificate",
        interserver_listener, interserver_listener));
}

/// A server that was meant to have the section runs without the module, and nothing else says so.
void warn_of_slips(const Element & root, Settings & settings)
{
    for (const Element & child : root.children)
        if (is_slip_of_section_name(child.name))
            settings.warnings.push_back(fmt::format(
                "line {}: <{}> is nobody's section: write <{}>; as it is the server runs without the module", child.line,
                printable(child.name), section_name));
}

void warn_of_anybodys_parts(Settings & settings)
{
    const bool fetched = std::any_of(
        settings.listeners.begin(), settings.listeners.end(),
        [](const Listener & listener) { return listener.name == interserver_listener; });
    if (fetched && !settings.nodes)
        settings.warnings.push_back(fmt::format(
            "{}: there is no mtls.nodes, so whoever has a certificate of openSSL.server.caConfig or of a trust domain, every "
            "user among them, may fetch the parts of replicated tables; say in mtls.nodes.rule who is a node",
            interserver_listener));
}

/// As ClickHouse does where loadDefaultCAFile is left out, as long as nobody is somebody by it: url() and dictionaries then reach
/// the servers that they reach on a stock server. With caConfig it is said whom to believe.
void believe_the_system(const Element & root, Settings & settings)
{
    const Element * openssl = root.find("openSSL");
    const Element * client = openssl == nullptr ? nullptr : openssl->find("client");
    const bool said = (client != nullptr && client->find("loadDefaultCAFile") != nullptr) || !settings.client.ca_config.empty();
    if (said || settings.client.verification_mode == VerificationMode::none)
        return;
    settings.client.load_default_ca_file = !settings.nodes && !settings.keeper;
    if (!settings.client.load_default_ca_file && settings.trust_domains.empty())
        settings.warnings.emplace_back("openSSL.client.loadDefaultCAFile is left out, and so is caConfig: ClickHouse would "
                                       "believe every authority of the system; "
                                       "beside mtls.nodes and mtls.keeper that would let any of them name a node or a Keeper, so "
                                       "none is believed. Name yours in "
                                       "caConfig");
}

}

ParsedServer parse_server_all(std::string_view xml, const std::string & source)
{
    ParsedServer result;
    Result<Element> root = parse_xml(xml, source);
    if (!root)
    {
        result.errors.push_back(root.error());
        return result;
    }
    if (!is_root(*root))
    {
        result.errors.push_back(wrong_root(*root, source));
        return result;
    }
    if (!root->find(section_name))
    {
        warn_of_slips(*root, result.settings);
        return result; // the host leaves the server as it is, so nothing else is ours to judge
    }

    Findings findings(source);
    root->attributes.clear(); // the root's attributes are ClickHouse's
    Section top(*root, "", findings);
    result.settings.enabled = true;
    read_openssl(top, result.settings, findings);
    read_ports(top, result.settings);
    if (const Element * mtls = top.child("mtls"))
        read_mtls_section(*mtls, result.settings, findings);
    add_configured_hosts(*root, result.settings.dns);
    believe_the_system(*root, result.settings);
    warn_of_once(result.settings);
    warn_of_mistaken_names(*root, result.settings);
    check_server(top, result.settings);
    warn_of_shared_ports(*root, source, result.settings);
    warn_of_replicas_without_certificate(result.settings);
    check_plaintext(*root, result.settings, findings);
    advise_interserver_credentials(*root, result.settings);
    warn_of_anybodys_parts(result.settings);
    result.reachable = !reachable_host(*root).empty();
    result.errors = findings.take();
    return result;
}

Checked<Settings> parse_server(std::string_view xml, const std::string & source)
{
    ParsedServer parsed = parse_server_all(xml, source);
    if (!parsed.errors.empty())
        return tl::unexpected(std::move(parsed.errors));
    return std::move(parsed.settings);
}

bool is_other_authentication(std::string_view key)
{
    constexpr std::array<std::string_view, 5> others{"no_password", "ldap", "kerberos", "ssh_keys", "http_authentication"};
    return key.starts_with("password") || std::find(others.begin(), others.end(), key) != others.end();
}

namespace
{

std::vector<std::string> read_values(
    const Element & section, std::string_view key, const std::string & path, const std::string & user, Findings & findings)
{
    std::vector<std::string> result;
    for (const Element & child : section.children)
    {
        if (child.name != key)
            continue;
        const std::string field = fmt::format("{}.{}", path, key);
        if (!child.children.empty())
            findings.add(
                child.line, field, fmt::format("user {}: holds an element where a value is expected", user),
                "write the value as text");
        else if (child.attribute("incl") || child.attribute("from_env") || child.attribute("from_zk"))
            findings.add(
                child.line, field, fmt::format("user {}: a substitution was not resolved", user), "write the value itself");
        else if (trimmed(child.text).empty())
            findings.add(
                child.line, field, fmt::format("user {}: the value is empty", user), "give a value, or remove the element");
        else
            result.push_back(child.text);
    }
    return result;
}

UserSection read_user(const Element & user, const Element & certificates, Findings & findings)
{
    const std::string path = fmt::format("users.{}.ssl_certificates", user.name);
    UserSection result;
    result.user = user.name;
    result.source = fmt::format("{}: {}", at_line(findings.source(), certificates.line), path);
    result.common_names = read_values(certificates, "common_name", path, user.name, findings);
    result.subject_alt_names = read_values(certificates, "subject_alt_name", path, user.name, findings);
    for (const Element & child : certificates.children)
        if (child.name != "common_name" && child.name != "subject_alt_name")
            findings.add(
                child.line, fmt::format("{}.{}", path, child.name), fmt::format("user {}: unknown key", user.name),
                "known here: common_name, subject_alt_name");
    if (certificates.children.empty())
        findings.add(
            certificates.line, path, fmt::format("user {}: the section is empty", user.name),
            "add <common_name> or <subject_alt_name>, or remove the section");
    result.has_password = std::any_of(
        user.children.begin(), user.children.end(), [](const Element & child) { return is_other_authentication(child.name); });
    return result;
}

void read_all_users(const Element & users, Findings & findings, std::vector<UserSection> & result)
{
    for (const Element & user : users.children)
    {
        const Element * certificates = user.find("ssl_certificates");
        if (!certificates)
            continue;
        const auto sections = std::count_if(
            user.children.begin(), user.children.end(), [](const Element & child) { return child.name == "ssl_certificates"; });
        if (sections > 1)
            findings.add(
                certificates->line, fmt::format("users.{}.ssl_certificates", user.name),
                fmt::format("user {}: given {} times", user.name, sections), "put all values into one section");
        const auto namesakes = std::count_if(
            users.children.begin(), users.children.end(), [&](const Element & other) { return other.name == user.name; });
        if (namesakes > 1)
            findings.add(
                user.line, fmt::format("users.{}", user.name), fmt::format("user {}: defined {} times", user.name, namesakes),
                "keep one definition");
        result.push_back(read_user(user, *certificates, findings));
    }
}

}

Checked<std::vector<UserSection>> parse_users(std::string_view xml, const std::string & source)
{
    std::vector<UserSection> result;
    if (trimmed(xml).empty())
        return result;
    const Result<Element> root = parse_xml(xml, source);
    if (!root)
        return tl::unexpected(Errors{root.error()});
    if (!is_root(*root))
        return tl::unexpected(Errors{wrong_root(*root, source)});
    Findings findings(source);
    for (const Element & child : root->children)
        if (child.name == "users")
            read_all_users(child, findings, result);
    Errors errors = findings.take();
    if (!errors.empty())
        return tl::unexpected(std::move(errors));
    return result;
}

}
