#include "settings.h"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <Poco/Util/XMLConfiguration.h>

#include <clickhouse_mtls/plugin.h>

#include "section.h"

namespace chmtls::gateway
{
namespace
{

constexpr std::array<Role, 3> roles{Role::native, Role::https, Role::interserver};
constexpr std::array<std::string_view, 2> password_words{"refuse", "pass"};

const char * section_name(Role role)
{
    switch (role)
    {
    case Role::native:
        return "native";
    case Role::https:
        return "https";
    case Role::interserver:
        return "interserver";
    case Role::egress:
        break;
    }
    return "";
}

std::vector<HostPort> read_servers(Section & section)
{
    std::vector<HostPort> servers;
    for (const auto & text : section.texts("server"))
    {
        if (auto server = parse_host_port(text))
            servers.push_back(std::move(*server));
        else
            section.refuse("server", "\"" + text + "\" is not host:port, [address]:port");
    }
    if (servers.empty())
        section.refuse("server", "names no server: write host:port of the server's plain port");
    return servers;
}

std::vector<std::string> read_paths(Section & section)
{
    auto paths = section.texts("without_login");
    for (const auto & path : paths)
        if (!path.starts_with('/') || path.find_first_of("?#% ") != std::string::npos)
            section.refuse("without_login", "\"" + path + "\" is not a plain path such as /ping");
    return paths;
}

void read_listener(Section & top, Section & gateway, Role role, Settings & settings)
{
    const auto * const name = section_name(role);
    const auto port = top.number(listener_name(role), 1, 65535);
    if (!gateway.has(name))
    {
        if (port)
            gateway.refuse(name, std::string("is missing, but ") + listener_name(role) + " is set: name the server behind it");
        return;
    }
    auto section = gateway.child(name);
    Listener listener{role, 0, read_servers(section)};
    if (role == Role::https)
        listener.without_login = read_paths(section);
    section.refuse_unknown();
    if (!port)
        return gateway.refuse(name, std::string("has no port to listen on: set ") + listener_name(role));
    listener.port = static_cast<uint16_t>(*port);
    settings.listeners.push_back(std::move(listener));
}

void read_listen_hosts(Section & top, Settings & settings)
{
    settings.listen_host = top.texts("listen_host");
    for (const auto & host : settings.listen_host)
        if (!is_address(host))
            top.refuse("listen_host", "\"" + host + "\" is not an address");
    if (settings.listen_host.empty())
        settings.listen_host = {"::1", "127.0.0.1"}; // as ClickHouse has it
}

void read_limits(Section & gateway, Limits & limits)
{
    auto section = gateway.child("limits");
    const auto read = [&](const char * key, size_t & value)
    {
        value = section.number(key, 1, 1000000).value_or(value);
    };
    read("connections", limits.connections);
    read("connections_per_address", limits.connections_per_address);
    read("handshakes", limits.handshakes);
    read("handshakes_per_address", limits.handshakes_per_address);
    section.refuse_unknown();
}

void read_timeouts(Section & gateway, Timeouts & timeouts)
{
    auto section = gateway.child("timeouts");
    const auto read = [&](const char * key, std::chrono::milliseconds & value)
    {
        value = section.seconds(key, 0.1, 86400).value_or(value);
    };
    read("login", timeouts.login);
    read("connect", timeouts.connect);
    read("half_closed", timeouts.half_closed);
    read("http_idle", timeouts.http_idle);
    read("drain", timeouts.drain);
    section.refuse_unknown();
}

/// What is spoken in plain text stays on this machine.
std::optional<HostPort> loopback(Section & section, const std::string & key)
{
    const auto text = section.text(key);
    if (!text)
        return std::nullopt;
    auto address = parse_host_port(*text);
    if (address && (address->host == "::1" || (is_address(address->host) && address->host.starts_with("127."))))
        return address;
    section.refuse(key, "\"" + *text + "\" is not a loopback address and a port, such as 127.0.0.1:9181");
    return std::nullopt;
}

void read_tokens(Section & proof, Settings & settings)
{
    if (!proof.has("tokens"))
        return;
    auto section = proof.child("tokens");
    TokenSettings tokens;
    if (auto listen = loopback(section, "listen"))
        tokens.listen = std::move(*listen);
    else
        section.refuse("listen", "is needed: where the server asks");
    tokens.lifetime = section.seconds("lifetime", 0.5, 300).value_or(tokens.lifetime);
    section.refuse_unknown();
    settings.tokens = std::move(tokens);
}

void read_proof(Section & gateway, Settings & settings)
{
    auto section = gateway.child("proof");
    read_tokens(section, settings);
    settings.passwords_file = section.text("passwords").value_or("");
    section.refuse_unknown();
}

void read_destination(Section & section, Settings & settings)
{
    constexpr std::array<std::string_view, 2> purposes{"node", "keeper"};
    Egress egress;
    egress.purpose = section.word("purpose", purposes).value_or(0) == 1 ? CHMTLS_PURPOSE_KEEPER : CHMTLS_PURPOSE_NODE;
    const auto listen = loopback(section, "listen");
    const auto to = section.text("to");
    const auto parsed = to ? parse_host_port(*to) : std::nullopt;
    if (!parsed)
        section.refuse("to", "has to be the host:port that is reached");
    if (!section.has("listen"))
        section.refuse("listen", "is needed: where the server connects to");
    section.refuse_unknown();
    if (!listen || !parsed)
        return;
    egress.listen = *listen;
    egress.to = *parsed;
    const bool taken = std::any_of(
        settings.egress.begin(), settings.egress.end(), [&](const Egress & each) { return each.listen == egress.listen; });
    if (taken || egress.listen == egress.to)
        return section.refuse("listen", "is taken by another destination, or is the destination itself");
    settings.egress.push_back(std::move(egress));
}

void read_egress(Section & top, Section & gateway, Settings & settings)
{
    auto section = gateway.child("egress");
    for (auto & each : section.children("destination"))
        read_destination(each, settings);
    section.refuse_unknown();
    const bool to_nodes = std::any_of(
        settings.egress.begin(), settings.egress.end(), [](const Egress & each) { return each.purpose == CHMTLS_PURPOSE_NODE; });
    if (to_nodes && !top.has("mtls.nodes"))
        top.refuse("mtls.nodes", "is missing: it says whose certificates <egress> takes for nodes");
}

void read_ingress(Section & gateway, Settings & settings)
{
    auto section = gateway.child("ingress");
    for (auto & each : section.children("destination"))
    {
        const auto text = each.text("listen");
        const auto listen = text ? parse_host_port(*text) : std::nullopt;
        if (!listen || !is_address(listen->host))
            each.refuse("listen", "has to be address:port, where nodes connect to over mutual TLS");
        Ingress ingress{listen.value_or(HostPort{}), {Role::interserver, 0, {}}};
        for (const auto & to : each.texts("to"))
        {
            if (auto server = parse_host_port(to))
                ingress.listener.servers.push_back(std::move(*server));
            else
                each.refuse("to", "\"" + to + "\" is not host:port, [address]:port");
        }
        if (ingress.listener.servers.empty())
            each.refuse("to", "is needed: host:port of the plain port that is reached");
        each.refuse_unknown();
        settings.ingress.push_back(std::move(ingress));
    }
    section.refuse_unknown();
    const auto & all = settings.listeners;
    if (!settings.ingress.empty()
        && std::none_of(all.begin(), all.end(), [](const Listener & each) { return each.role == Role::interserver; }))
        gateway.refuse(
            "ingress",
            "needs interserver_https_port and <interserver>: they say what is asked of nodes. For one port alone they are "
            "enough by themselves");
}

void read_proxies(Section & gateway, Settings & settings)
{
    settings.trusted_proxies = read_trusted_proxies(gateway);
    for (const auto & proxy : settings.trusted_proxies)
    {
        const auto role = proxy.https ? Role::https : Role::native;
        const auto & all = settings.listeners;
        if (std::none_of(all.begin(), all.end(), [&](const Listener & each) { return each.role == role; }))
            gateway.refuse(
                "trusted_proxies", "proxy " + proxy.name + " needs " + listener_name(role) + " and <" + section_name(role)
                                       + ">: they say what is asked of certificates, and which server is behind");
        if (std::any_of(all.begin(), all.end(), [&](const Listener & each) { return each.port == proxy.listen.port; }))
            gateway.refuse("trusted_proxies", "proxy " + proxy.name + " needs a port that no listener has");
    }
}

void read_gateway(Section & top, Settings & settings)
{
    if (!top.has("gateway"))
        return top.refuse("gateway", "is missing: it says which servers are behind the gateway");
    auto gateway = top.child("gateway");
    for (const auto role : roles)
        read_listener(top, gateway, role, settings);
    read_proof(gateway, settings);
    read_egress(top, gateway, settings);
    read_ingress(gateway, settings);
    read_proxies(gateway, settings);
    settings.ready = loopback(gateway, "ready");
    if (const auto word = gateway.word("password_logins", password_words))
        settings.password_logins = static_cast<PasswordLogins>(*word);
    settings.workers = gateway.number("workers", 1, 256).value_or(0);
    read_limits(gateway, settings.limits);
    read_timeouts(gateway, settings.timeouts);
    gateway.refuse_unknown();
    if (settings.listeners.empty() && settings.egress.empty())
        gateway.refuse("", "has nothing to do: give it a <native>, an <https>, an <interserver> or an <egress>");
}

void read_tls(const Poco::Util::AbstractConfiguration & config, Settings & settings)
{
    settings.cipher_list = config.getRawString("openSSL.server.cipherList", {});
    settings.cipher_suites = config.getRawString("openSSL.server.cipherSuites", {});
    settings.client_cipher_list = config.getRawString("openSSL.client.cipherList", {});
    settings.client_cipher_suites = config.getRawString("openSSL.client.cipherSuites", {});
    settings.module = config.getRawString("mtls.module", {});
}

// ClickHouse's words, which are Poco's.
void read_log_level(Section & top, const Poco::Util::AbstractConfiguration & config, Settings & settings)
{
    static const std::map<std::string, Level> levels{
        {"none", Level::error},      {"fatal", Level::error},        {"critical", Level::error},          {"error", Level::error},
        {"warning", Level::warning}, {"notice", Level::information}, {"information", Level::information}, {"debug", Level::debug},
        {"trace", Level::debug},     {"test", Level::debug}};
    const auto word = config.getRawString("logger.level", "information");
    const auto found = levels.find(word);
    if (found == levels.end())
        return top.refuse("logger.level", "\"" + word + "\" is not a level");
    settings.log_level = found->second;
}

void note_without_identity(const Poco::Util::AbstractConfiguration & config, Settings & settings)
{
    for (const char * key :
         {"gateway.password_logins", "mtls.mode", "openSSL.server.verificationMode", "mtls.listeners.tcp_port_secure.mode",
          "mtls.listeners.tcp_port_secure.client_certificate", "mtls.listeners.https_port.mode",
          "mtls.listeners.https_port.client_certificate"})
        settings.without_identity.append(config.getRawString(key, {})).append("\n");
}

void check_interserver(Section & top, const Settings & settings)
{
    const bool listens = std::any_of(
        settings.listeners.begin(), settings.listeners.end(),
        [](const Listener & each) { return each.role == Role::interserver; });
    if (listens && !top.has("mtls.nodes"))
        top.refuse("mtls.nodes", "is missing: it says whose certificates <interserver> lets through");
}

}

const char * listener_name(Role role)
{
    switch (role)
    {
    case Role::native:
        return "tcp_port_secure";
    case Role::https:
        return "https_port";
    case Role::interserver:
        return "interserver_https_port";
    case Role::egress:
        break;
    }
    return "egress";
}

ParsedSettings parse_settings(std::string xml, const std::string & source)
{
    ParsedSettings parsed;
    auto & settings = parsed.settings;
    settings.source = source;
    settings.xml = std::move(xml);
    try
    {
        std::istringstream stream(settings.xml);
        const Poco::AutoPtr<Poco::Util::XMLConfiguration> config(new Poco::Util::XMLConfiguration(stream));
        Section top(*config, {}, source, parsed.findings);
        if (!config->has("mtls"))
            top.refuse("mtls", "is missing: it says whose certificates are whose. An empty <mtls/> is enough to begin with");
        read_listen_hosts(top, settings);
        read_gateway(top, settings);
        read_tls(*config, settings);
        read_log_level(top, *config, settings);
        note_without_identity(*config, settings);
        check_interserver(top, settings);
    }
    catch (const Poco::Exception & exception)
    {
        parsed.findings.push_back(source + ": " + exception.displayText());
    }
    return parsed;
}

}
