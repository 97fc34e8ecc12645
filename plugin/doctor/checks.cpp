#include <array>
#include <map>

#include <fmt/format.h>

#include "config/host_name.h"
#include "config/plaintext.h"
#include "doctor/node.h"

namespace chmtls::doctor
{

namespace
{

/// Collects what one check finds.
class Report
{
public:
    Report(std::string_view check, Findings & all) : check_(check), all_(all), before_(all.size()) {}

    void add(State state, const std::string & seen, std::string_view why, std::string_view remedy)
    {
        all_.push_back({std::string(check_), state, printable(seen, 4096), std::string(why), printable(remedy, 4096)});
    }
    void fail(const std::string & seen, std::string_view why, std::string_view remedy) { add(State::fail, seen, why, remedy); }
    void warn(const std::string & seen, std::string_view why, std::string_view remedy) { add(State::warn, seen, why, remedy); }
    /// When nothing else was found.
    void good(const std::string & seen)
    {
        if (all_.size() == before_)
            all_.push_back({std::string(check_), State::ok, printable(seen, 4096)});
    }

private:
    std::string_view check_;
    Findings & all_;
    size_t before_;
};

void check_configuration(const Node & node, Report & report)
{
    for (const Error & error : node.errors)
        report.fail(
            Error{error.file, error.field, error.reason, {}, {}}.describe(),
            "the server does not start with it, and a running one does not take it", error.remedy);
    for (const std::string & warning : node.warnings)
        report.warn(warning, "it is honoured, and may not be what is meant", "see docs/configuration.md");
    report.good("the configuration and every file that it names can be loaded");
}

void check_running(const Node & node, Report & report)
{
    if (!node.running)
        return report.warn(
            "the server has no admin socket", "a running server cannot be asked what is in force",
            "set <mtls><admin><socket>; it is opened at the next reload");
    if (!node.running->no_answer.empty())
        return report.fail(
            node.running->no_answer, "the server is down, or runs without the module",
            "look at the server's log; status 70 or 127 at start means that the patched copy no longer fits: patch-server");
    if (!node.running->not_in_force.empty())
        report.fail(
            "NOT in force: " + node.running->not_in_force, "the server goes on with what it had before",
            "mend the file; it is tried again by itself");
    for (const auto & [reason, count] : node.running->refused_peers)
        report.warn(
            fmt::format("{} handshakes: {}", count, reason), "these peers see a TLS alert and no more",
            "docs/log.md explains the reason; the server's log names each peer");
    for (const auto & [reason, count] : node.running->refused_logins)
        report.warn(
            fmt::format("{} logins: {}", count, reason), "these users are told that they cannot log in",
            "docs/log.md explains the reason; clickhouse-mtls explain asks the same question");
    report.good("the server answers, and what lies on the disk is in force");
}

void check_ports(const Node & node, Report & report)
{
    constexpr std::array<std::string_view, 6> names{"tcp_port",   "tcp_port_secure",       "http_port",
                                                    "https_port", "interserver_http_port", "interserver_https_port"};
    std::map<std::string, std::string_view> used;
    for (const std::string_view name : names)
    {
        const config::Element * port = node.server.find(name);
        if (port == nullptr)
            continue;
        const auto [first, fresh] = used.emplace(config::trimmed(port->text), name);
        if (!fresh)
            report.fail(
                fmt::format("{} and {} are both {}", first->second, name, first->first),
                "only one of them can be opened, and clients of the other meet the wrong protocol", "give each its own port");
    }
    report.good(fmt::format("{} ports, each listed once", used.size()));
}

void check_listen_host(const Node & node, Report & report)
{
    const auto host = config::reachable_host(node.server);
    if (host.empty())
        report.warn(
            "the server listens on loopback only", "no other machine can connect", "set listen_host to an address of this node");
    report.good(fmt::format("listen_host {}", host));
}

void check_own_name(const Node & node, Report & report)
{
    const auto addresses = node.resolve(node.host_name);
    if (addresses.empty())
        report.fail(
            node.host_name + ", this node's own name, has no address", "the server cannot tell which replica it is",
            "add it to the DNS, or to /etc/hosts with an address that others reach");
    for (const std::string & address : addresses)
        if (address.starts_with("127.") || address == "::1")
            report.warn(
                fmt::format("{} is {} here", node.host_name, address),
                "Debian's installer writes 127.0.1.1 to /etc/hosts: the node then takes itself for another one",
                "write the address that others reach to /etc/hosts");
    report.good(fmt::format("{} is {}", node.host_name, addresses.empty() ? "" : addresses.front()));
}

void check_hosts(const Node & node, Report & report)
{
    for (const std::string & host : node.settings.dns.hosts)
        if (!config::is_address(host) && node.resolve(host).empty())
            report.fail(
                host + " has no address", "in 18.16 one such name in remote_servers breaks every query of clusters",
                "correct the name or the DNS; then: clickhouse-mtls dns flush");
    report.good(fmt::format("{} hosts that the configuration names have addresses", node.settings.dns.hosts.size()));
}

void check_plaintext(const Node & node, Report & report)
{
    config::Findings found(node.source);
    config::find_plaintext(node.server, found);
    for (const Error & error : found.take())
        report.warn(
            fmt::format("{}: {}", error.field, error.reason), "what goes over it can be read and changed on its way",
            error.remedy);
    report.good("nothing crosses the network in plain text");
}

void check_users(const Node & node, Report & report)
{
    for (const config::UserRights & user : node.users)
        if (user.open)
            report.warn(
                fmt::format("user {} has an empty password{}", user.user, user.from_anywhere ? ", from any address" : ""),
                "whoever reaches a port is this user, with no certificate", "give a password, or take the password away");
    report.good(fmt::format("{} users, none with an empty password", node.users.size()));
}

/// By mode and owner; of a group nobody knows here who is in it.
bool may_read(uid_t user, const FileFacts & facts)
{
    return user == 0 || (facts.owner == user ? (facts.mode & S_IRUSR) != 0 : (facts.mode & (S_IRGRP | S_IROTH)) != 0);
}

void check_files(const Node & node, Report & report)
{
    std::map<std::string, std::string> files; // and the setting that names each
    const auto section = [&files](const config::TlsSection & tls, const std::string & name)
    {
        files.emplace(tls.certificate_file, name + ".certificateFile");
        files.emplace(tls.private_key_file, name + ".privateKeyFile");
        files.emplace(tls.ca_config, name + ".caConfig");
        files.emplace(tls.dh_params_file, name + ".dhParamsFile");
    };
    section(node.settings.server, "openSSL.server");
    section(node.settings.client, "openSSL.client");
    files.erase("");
    for (const auto & [path, setting] : files)
    {
        const auto facts = node.file(path);
        if (!facts)
            report.fail(
                fmt::format("{}: there is no {}", setting, path), "the server serves no TLS without it", "correct the path");
        else if (node.server_user && !may_read(*node.server_user, *facts))
            report.fail(
                fmt::format("{}: {} is not readable for the server's user", setting, path),
                "a renewed file belongs to whoever wrote it", "chown it to the server's user; it is in force a moment later");
    }
    report.good(fmt::format("{} files of openSSL are there, and the server's user may read them", files.size()));
}

void check_certificates(const Node & node, Report & report)
{
    if (!node.generation)
        return;
    for (const auto use : generation::all_uses)
    {
        const auto & set = node.generation->credentials[use];
        if (set == nullptr)
            continue;
        for (const auto & credential : set->all())
        {
            const auto & facts = credential->chain.front().facts();
            const auto left = facts.not_after - node.now;
            if (left < (facts.not_after - facts.not_before) / 3 && left < std::chrono::days(30))
                report.warn(
                    fmt::format("{} certificate {} ends at {}", name(use), facts.subject, format_rfc3339(facts.not_after)),
                    "peers refuse it from then on", "renew it; it is taken without a restart");
            const auto & usage = facts.extended_key_usage;
            const bool fits = use == generation::Use::server ? usage.server_auth : usage.client_auth;
            if (usage.present && !usage.any && !fits)
                report.warn(
                    fmt::format("{} certificate {} is not for this use", name(use), facts.subject),
                    "its extended key usage makes peers refuse it",
                    use == generation::Use::server ? "issue it with serverAuth" : "issue it with clientAuth");
        }
    }
    report.good("our certificates last and are for what they are used for");
}

void check_lists(const Node & node, Report & report)
{
    if (!node.generation)
        return;
    for (const auto & list : node.generation->revocation_lists)
        if (const auto warning = warning_of(list, node.now))
            report.warn(*warning, "past its end the certificates that it is for may be refused", "fetch or issue a new list");
    report.good(fmt::format("{} revocation lists are fresh", node.generation->revocation_lists.size()));
}

struct Check
{
    std::string_view name;
    void (*run)(const Node &, Report &);
};

constexpr std::array checks{
    Check{"configuration", check_configuration},
    Check{"files", check_files},
    Check{"running", check_running},
    Check{"ports", check_ports},
    Check{"listen_host", check_listen_host},
    Check{"own_name", check_own_name},
    Check{"hosts", check_hosts},
    Check{"certificates", check_certificates},
    Check{"revocation_lists", check_lists},
    Check{"plaintext", check_plaintext},
    Check{"users", check_users},
};

}

Findings examine(const Node & node)
{
    Findings all;
    for (const Check & check : checks)
    {
        Report report(check.name, all);
        check.run(node, report);
    }
    return all;
}

}
