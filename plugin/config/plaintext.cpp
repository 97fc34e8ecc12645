#include "config/plaintext.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include <fmt/format.h>

#include "base/ascii.h"
#include "config/host_name.h"

namespace chmtls::config
{

namespace
{

constexpr std::string_view or_allow = "or set mtls.nodes.plaintext to warn or allow";

/// A truth value as Poco reads one: a word, or a number that is not zero.
bool says_yes(const Element * element)
{
    if (element == nullptr)
        return false;
    const std::string word = ascii_lower(trimmed(element->text));
    if (word == "true" || word == "yes" || word == "on")
        return true;
    const bool number = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    return number && word.find_first_not_of('0') != std::string::npos;
}

bool is_loopback(const std::string & host)
{
    in_addr v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    in6_addr v6{};
    if (inet_pton(AF_INET6, host.c_str(), &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return host == "localhost";
}

}

std::string_view reachable_host(const Element & root)
{
    for (const Element & child : root.children)
    {
        const std::string_view host = trimmed(child.text);
        if (child.name == "listen_host" && !host.empty() && !is_loopback(std::string(host)))
            return host;
    }
    return {};
}

namespace
{

/// "shard", or "shard[1]" for the second of several, as findings name keys.
std::string key_of(const Element & parent, const Element & child)
{
    size_t before = 0;
    size_t all = 0;
    for (const Element & each : parent.children)
    {
        if (each.name != child.name)
            continue;
        before += &each < &child ? 1 : 0;
        ++all;
    }
    return all == 1 ? child.name : fmt::format("{}[{}]", child.name, before);
}

std::string shown_host(const Element & entry)
{
    const Element * host = entry.find("host");
    return host ? printable(trimmed(host->text)) : "a host";
}

void check_ports(const Element & root, Findings & findings)
{
    if (const Element * port = root.find("interserver_http_port"))
        findings.add(
            port->line, "interserver_http_port", "replicas fetch parts over it unencrypted, from anyone",
            fmt::format("use interserver_https_port instead, {}", or_allow));
    const std::string_view host = reachable_host(root);
    if (host.empty())
        return;
    constexpr std::array<std::pair<std::string_view, std::string_view>, 2> ports{
        {{"tcp_port", "tcp_port_secure"}, {"http_port", "https_port"}}};
    for (const auto & [plain, secure] : ports)
        if (const Element * port = root.find(plain))
            findings.add(
                port->line, std::string(plain), fmt::format("is open to the network, since listen_host is {}", printable(host)),
                fmt::format("remove it and use {}, or listen on loopback only, {}", secure, or_allow));
}

void check_replica(const Element & replica, const std::string & path, Findings & findings)
{
    if (!says_yes(replica.find("secure")))
        findings.add(
            replica.line, path, fmt::format("{} is connected to unencrypted", shown_host(replica)),
            fmt::format("add <secure>1</secure> and its tcp_port_secure, {}", or_allow));
}

void check_cluster(const Element & cluster, const std::string & path, Findings & findings)
{
    for (const Element & entry : cluster.children)
    {
        const std::string entry_path = fmt::format("{}.{}", path, key_of(cluster, entry));
        if (entry.name.starts_with("node"))
            check_replica(entry, entry_path, findings);
        if (!entry.name.starts_with("shard"))
            continue;
        for (const Element & replica : entry.children)
            if (replica.name.starts_with("replica"))
                check_replica(replica, fmt::format("{}.{}", entry_path, key_of(entry, replica)), findings);
    }
}

void check_keepers(const Element & keepers, Findings & findings)
{
    for (const Element & node : keepers.children)
    {
        const Element * host = node.find("host");
        const bool secure = says_yes(node.find("secure")) || (host && trimmed(host->text).starts_with("secure://"));
        if (node.name.starts_with("node") && !secure)
            findings.add(
                node.line, fmt::format("zookeeper.{}", key_of(keepers, node)),
                fmt::format("{} is connected to unencrypted", shown_host(node)),
                fmt::format("add <secure>1</secure> and its port for TLS, {}", or_allow));
    }
}

}

void find_plaintext(const Element & root, Findings & findings)
{
    check_ports(root, findings);
    for (const Element & child : root.children)
    {
        if (child.name == "remote_servers")
            for (const Element & cluster : child.children)
                check_cluster(cluster, fmt::format("remote_servers.{}", cluster.name), findings);
        if (child.name == "zookeeper")
            check_keepers(child, findings);
    }
}

}
