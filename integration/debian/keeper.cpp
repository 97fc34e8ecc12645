#include "keeper.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/auxv.h>

namespace chmtls::debian
{

namespace
{

using Poco::Util::AbstractConfiguration;

constexpr std::string_view scheme = "secure://";

// 18.16 goes three times through all addresses before it gives up.
constexpr int rounds = 3;
// What it gives a connection itself. A handshake needs more than one packet each way, and a Java process some time for its first.
constexpr std::chrono::milliseconds shortest_handshake{1000};

constexpr const char * section = "zookeeper";
constexpr int default_session_timeout_ms = 30000; // the server's

struct ResolvedKeeper
{
    std::string text;
    std::string host;
    Poco::Net::SocketAddress address;
};

// As many as are configured.
thread_local std::vector<ResolvedKeeper> resolved_keepers;

bool begins_with_scheme(std::string_view text)
{
    return text.substr(0, scheme.size()) == scheme;
}

/// "host:port", "[address]:port" or a host alone, which an unbracketed IPv6 address is too.
std::pair<std::string, std::string> split_port(const std::string & text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || (text.front() != '[' && text.find(':') != colon)
        || text.find(']', colon) != std::string::npos)
        return {text, {}};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

/// Paths of the nodes.
AbstractConfiguration::Keys nodes_of(const AbstractConfiguration & config)
{
    AbstractConfiguration::Keys keys;
    config.keys(section, keys);
    AbstractConfiguration::Keys nodes;
    for (const auto & key : keys)
        if (key.compare(0, 4, "node") == 0)
            nodes.push_back(std::string(section) + "." + key);
    return nodes;
}

}

bool lies_in_program(const void * code) noexcept
{
    static const uintptr_t program_start = ::getauxval(AT_PHDR);
    Dl_info found{};
    Dl_info program{};
    return ::dladdr(code, &found) != 0 && ::dladdr(reinterpret_cast<const void *>(program_start), &program) != 0
           && found.dli_fbase == program.dli_fbase;
}

void mark_secure_keepers(AbstractConfiguration & config)
{
    for (const auto & node : nodes_of(config))
    {
        auto host = config.getString(node + ".host", {});
        if (begins_with_scheme(host))
        {
            auto [bare, port] = split_port(host.substr(scheme.size()));
            host = std::move(bare);
            if (!port.empty())
                config.setString(node + ".port", port);
        }
        else if (!config.getBool(node + ".secure", false))
            continue;
        config.setString(node + ".host", std::string(scheme) + host);
    }
}

bool has_secure_keepers(const AbstractConfiguration & config)
{
    const auto nodes = nodes_of(config);
    return std::any_of(
        nodes.begin(), nodes.end(),
        [&](const auto & node)
        { return begins_with_scheme(config.getString(node + ".host", {})) || config.getBool(node + ".secure", false); });
}

std::chrono::milliseconds keeper_handshake_limit(const AbstractConfiguration & config)
{
    const std::chrono::milliseconds session_timeout(
        config.getInt(std::string(section) + ".session_timeout_ms", default_session_timeout_ms));
    const auto attempts = rounds * std::max<ptrdiff_t>(1, std::ssize(nodes_of(config)));
    return std::max(shortest_handshake, session_timeout / attempts);
}

std::optional<std::string> address_of_secure_keeper(const std::string & text)
{
    return begins_with_scheme(text) ? std::optional(text.substr(scheme.size())) : std::nullopt;
}

std::string host_of_address(const std::string & text)
{
    return split_port(text).first;
}

void remember_keeper(const std::string & text, const Poco::Net::SocketAddress & address)
{
    // A host that has moved is not looked for at its former address.
    std::erase_if(resolved_keepers, [&](const auto & known) { return known.text == text; });
    resolved_keepers.push_back({text, split_port(text).first, address});
}

std::optional<std::string> secure_keeper_at(const Poco::Net::SocketAddress & address)
{
    const auto found = std::find_if(
        resolved_keepers.begin(), resolved_keepers.end(), [&](const auto & known) { return known.address == address; });
    return found == resolved_keepers.end() ? std::nullopt : std::optional(found->host);
}

}
