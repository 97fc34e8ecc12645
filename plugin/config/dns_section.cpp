#include "config/dns_section.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/ascii.h"
#include "config/host_name.h"
#include "config/xml.h"

namespace chmtls::config
{

namespace
{

constexpr double day = 86400;

/// A name as resolvers take it: with a dot at its end it is complete, and no search domain is tried. Names of this machine are
/// always the loopback address (RFC 6761 6.3) and not worth a lookup.
bool is_watchable(std::string_view name)
{
    if (name.ends_with('.'))
        name.remove_suffix(1);
    return is_host_name(name) && !is_address(std::string(name)) && name != "localhost" && !name.ends_with(".localhost");
}

/// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"
bool is_resolver(const std::string & text)
{
    if (is_address(text))
        return true;
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos)
        return false;
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string::npos)
        return false;
    unsigned port = 0;
    const char * end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    return is_address(host) && error == std::errc{} && stop == end && port >= 1 && port <= 65535;
}

void read_names(Section & section, DnsSettings & dns)
{
    for (const std::string & written : section.texts("watch"))
    {
        if (std::string name = ascii_lower(written); is_watchable(name))
            dns.names.push_back(std::move(name));
        else
            section.refuse(
                "watch", fmt::format("\"{}\" is not a host name that could move", printable(written)),
                "write a name such as db1.example.org");
    }
}

void read_servers(Section & section, DnsSettings & dns)
{
    for (std::string & server : section.texts("server"))
    {
        if (is_resolver(server))
            dns.servers.push_back(std::move(server));
        else
            section.refuse(
                "server", fmt::format("\"{}\" is not the address of a resolver", printable(server)),
                "write an address such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353");
    }
}

void read_times(Section & section, DnsSettings & dns)
{
    dns.min_ttl = section.seconds("min_ttl", 0.1, day).value_or(dns.min_ttl);
    const auto max_ttl = section.seconds("max_ttl", 0.1, day);
    // A floor above the default ceiling lifts the ceiling; one above a ceiling that was written is a mistake.
    dns.max_ttl = max_ttl.value_or(std::max(dns.max_ttl, dns.min_ttl));
    if (max_ttl && *max_ttl < dns.min_ttl)
        section.refuse("max_ttl", "is less than min_ttl", "set max_ttl to min_ttl or more");
    dns.negative_ttl = section.seconds("negative_ttl", 0.1, day).value_or(dns.negative_ttl);
    dns.min_interval = section.seconds("min_interval", 0.1, day).value_or(dns.min_interval);
    dns.schedule = section.seconds("schedule", 1, day);
}

/// The hosts below an element, wherever they stand: <host>name</host>, for Keeper also secure://name:port.
void collect_hosts(const Element & element, std::set<std::string> & hosts)
{
    constexpr std::string_view secure = "secure://";
    for (const Element & child : element.children)
    {
        if (child.name != "host")
        {
            collect_hosts(child, hosts);
            continue;
        }
        std::string host = ascii_lower(trimmed(child.text));
        if (host.starts_with(secure))
        {
            host.erase(0, secure.size());
            host.erase(std::min(host.find(':'), host.size()));
        }
        if (!host.empty())
            hosts.insert(std::move(host));
    }
}

/// Where the gateway's egress goes: <to>name:port</to>.
void collect_destinations(const Element & gateway, std::set<std::string> & hosts)
{
    const Element * const egress = gateway.find("egress");
    if (egress == nullptr)
        return;
    for (const Element & destination : egress->children)
    {
        const Element * const to = destination.find("to");
        const std::string host = to == nullptr ? std::string() : ascii_lower(std::string(trimmed(to->text)));
        if (const size_t colon = host.rfind(':'); colon != std::string::npos && colon > 0)
            hosts.insert(host.substr(0, colon));
    }
}

/// As they are written, in lower case: a name with a dot at its end is looked up without the search domains.
void add_hosts(const std::set<std::string> & written, DnsSettings & dns)
{
    std::set<std::string> hosts(dns.hosts.begin(), dns.hosts.end());
    std::set<std::string> names(dns.names.begin(), dns.names.end());
    for (const std::string & host : written)
    {
        hosts.insert(normal_host(host));
        if (dns.enabled && is_watchable(host))
            names.insert(host);
    }
    dns.hosts.assign(hosts.begin(), hosts.end());
    dns.names.assign(names.begin(), names.end());
}

}

void read_dns_section(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("dns");
    if (!element)
        return;
    Section section(*element, mtls.key_path("dns", 0, 1), findings);
    DnsSettings & dns = settings.dns;
    dns.enabled = true;
    read_names(section, dns);
    if (const Element * servers = section.child("servers"))
    {
        Section list(*servers, section.key_path("servers", 0, 1), findings);
        read_servers(list, dns);
        list.refuse_unknown();
    }
    read_times(section, dns);
    dns.failures = section.number("failures", 0, 1000000).value_or(dns.failures);
    dns.on_rotation = section.flag("on_rotation").value_or(false);
    if (dns.names.size() > max_watched_names)
        section.refuse("watch", fmt::format("more than {} names", max_watched_names), "watch fewer names");
    section.refuse_unknown();
}

void add_configured_hosts(const Element & root, DnsSettings & dns)
{
    std::set<std::string> hosts(dns.names.begin(), dns.names.end());
    for (const Element & child : root.children)
    {
        if (child.name == "remote_servers" || child.name == "zookeeper")
            collect_hosts(child, hosts);
        if (child.name == "gateway")
            collect_destinations(child, hosts);
        if (child.name != "mtls")
            continue;
        for (const std::string_view peers : {"nodes", "keeper"})
            if (const Element * section = child.find(peers))
                collect_hosts(*section, hosts);
    }
    add_hosts(hosts, dns);
}

void add_hosts_of_users(std::string_view users_xml, DnsSettings & dns)
{
    const Result<Element> root = parse_xml(users_xml, {});
    if (!root)
        return;
    std::set<std::string> hosts;
    for (const Element & users : root->children)
        if (users.name == "users")
            for (const Element & user : users.children)
                if (const Element * networks = user.find("networks"))
                    collect_hosts(*networks, hosts);
    add_hosts(hosts, dns);
}

}
