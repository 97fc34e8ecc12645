#include "known_addresses.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/NumberParser.h>
#include <Poco/String.h>

#include "cluster_names.h"
#include "log.h"

namespace chmtls::debian
{

namespace
{

constexpr std::chrono::seconds failure_memory{5};
constexpr std::chrono::seconds failure_memory_with_address{30}; // a flush, as after each change that is noticed, ends it
constexpr size_t max_hosts = 10000;
constexpr size_t max_addresses = 64;
constexpr size_t lookups_of_a_thread = 16; // Keeper's client looks up all of its nodes before it connects to one

struct Resolved
{
    std::string host;
    Poco::Net::IPAddress address;
};
thread_local std::vector<Resolved> last_resolved; // the latest at the end

struct Freed
{
    void operator()(addrinfo * list) const noexcept { ::freeaddrinfo(list); }
};

struct Closed
{
    void operator()(DIR * directory) const noexcept { ::closedir(directory); }
};

/// Empty: it does not resolve now.
std::set<std::string> look_up(const std::string & host)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo * found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
        return {};
    const std::unique_ptr<addrinfo, Freed> owned(found);
    std::set<std::string> addresses;
    for (const addrinfo * each = found; each != nullptr; each = each->ai_next)
        addresses.insert(Poco::Net::SocketAddress(each->ai_addr, each->ai_addrlen).host().toString());
    return addresses;
}

std::vector<int> open_descriptors()
{
    std::vector<int> descriptors;
    const std::unique_ptr<DIR, Closed> directory(::opendir("/proc/self/fd"));
    while (const dirent * const entry = directory ? ::readdir(directory.get()) : nullptr) // one thread reads this stream
    {
        int descriptor = -1;
        if (Poco::NumberParser::tryParse(entry->d_name, descriptor))
            descriptors.push_back(descriptor);
    }
    return descriptors;
}

using Name = int (*)(int, sockaddr *, socklen_t *);

/// One end of a TCP socket, or nothing.
std::optional<Poco::Net::SocketAddress> end_of(int socket, Name which)
{
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    if (which(socket, reinterpret_cast<sockaddr *>(&address), &size) != 0
        || (address.ss_family != AF_INET && address.ss_family != AF_INET6))
        return std::nullopt;
    return Poco::Net::SocketAddress(reinterpret_cast<const sockaddr *>(&address), size);
}

/// The ports that others connect to: a connection with one of them at our end is not one that we made.
std::set<uint16_t> listening_ports(const std::vector<int> & descriptors)
{
    std::set<uint16_t> ports;
    for (const int descriptor : descriptors)
    {
        int listening = 0;
        socklen_t size = sizeof(listening);
        if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0)
            continue;
        if (const auto local = end_of(descriptor, &::getsockname))
            ports.insert(local->port());
    }
    return ports;
}

}

Poco::Net::IPAddress KnownAddresses::resolve(const std::string & host, const Lookup & lookup)
{
    Poco::Net::IPAddress literal;
    if (Poco::Net::IPAddress::tryParse(host, literal))
        return lookup();
    if (const auto failure = former(host) ? std::nullopt : recent_failure(host))
    {
        if (ClusterScope::current())
            return nowhere();
        throw Poco::Net::HostNotFoundException(*failure);
    }
    try
    {
        Poco::Net::IPAddress address;
        const auto kept = instead_of(
            host,
            [&]
            {
                address = lookup();
                note(host, address);
            });
        return kept.value_or(address);
    }
    catch (const Poco::Exception & exception)
    {
        const auto message = exception.displayText();
        note_failure(host, message, failure_memory);
        if (!ClusterScope::current())
            throw;
        say(Poco::Message::PRIO_WARNING, "a host of <remote_servers> does not resolve; the others go on: " + message);
        return nowhere();
    }
}

std::optional<Poco::Net::IPAddress> KnownAddresses::instead_of(const std::string & host, const std::function<void()> & lookup)
{
    auto known = former(host);
    if (known && recent_failure(host))
        return known;
    try
    {
        lookup();
        return std::nullopt;
    }
    catch (const Poco::Exception & exception)
    {
        if (!known)
            throw;
        const auto message = exception.displayText();
        note_failure(host, message, failure_memory_with_address);
        say(Poco::Message::PRIO_WARNING,
            host + " does not resolve and keeps its former address " + known->toString() + ": " + message);
        return known;
    }
}

std::optional<Poco::Net::IPAddress> KnownAddresses::former(const std::string & host)
{
    const std::lock_guard lock(mutex_);
    const auto found = latest_.find(Poco::toLower(host));
    return found == latest_.end() ? std::nullopt : std::optional(found->second);
}

void KnownAddresses::note_failure(const std::string & host, const std::string & message, std::chrono::seconds memory)
{
    const std::lock_guard lock(mutex_);
    if (failures_.size() >= max_hosts)
        failures_.clear();
    failures_[Poco::toLower(host)] = {std::chrono::steady_clock::now() + memory, message};
}

const std::string * KnownAddresses::host_of(const Poco::Net::IPAddress & address) noexcept
{
    const auto found = std::find_if(
        last_resolved.rbegin(), last_resolved.rend(), [&](const Resolved & each) { return each.address == address; });
    return found == last_resolved.rend() ? nullptr : &found->host;
}

void KnownAddresses::forget_failures()
{
    const std::lock_guard lock(mutex_);
    failures_.clear();
}

std::optional<std::string> KnownAddresses::recent_failure(const std::string & host)
{
    const std::lock_guard lock(mutex_);
    const auto found = failures_.find(Poco::toLower(host));
    if (found == failures_.end())
        return std::nullopt;
    if (found->second.until > std::chrono::steady_clock::now())
        return found->second.message;
    failures_.erase(found);
    return std::nullopt;
}

void KnownAddresses::note(const std::string & host, const Poco::Net::IPAddress & address)
{
    Poco::Net::IPAddress literal;
    if (Poco::Net::IPAddress::tryParse(host, literal))
        return;
    last_resolved.erase(
        std::remove_if(last_resolved.begin(), last_resolved.end(), [&](const Resolved & each) { return each.host == host; }),
        last_resolved.end());
    if (last_resolved.size() >= lookups_of_a_thread)
        last_resolved.erase(last_resolved.begin());
    last_resolved.push_back({host, address});
    const std::lock_guard lock(mutex_);
    if (addresses_.size() >= max_hosts)
    {
        addresses_.clear();
        latest_.clear();
    }
    latest_[Poco::toLower(host)] = address;
    auto & known = addresses_[Poco::toLower(host)];
    if (known.size() < max_addresses)
        known.insert(address.toString());
}

size_t KnownAddresses::end_connections_to_former(const std::string & host)
{
    std::map<std::string, std::set<std::string>> noted;
    {
        const std::lock_guard lock(mutex_);
        if (host.empty())
            noted = addresses_;
        else if (const auto found = addresses_.find(Poco::toLower(host)); found != addresses_.end())
            noted.insert(*found);
    }
    std::set<std::string> former;
    for (const auto & [name, addresses] : noted)
    {
        const auto now = look_up(name);
        if (now.empty())
            continue;
        std::set_difference(addresses.begin(), addresses.end(), now.begin(), now.end(), std::inserter(former, former.end()));
        const std::lock_guard lock(mutex_);
        auto & kept = addresses_[name];
        for (const auto & address : addresses)
            if (now.find(address) == now.end())
                kept.erase(address);
    }
    if (former.empty())
        return 0;
    size_t ended = 0;
    const auto descriptors = open_descriptors();
    const auto ours = listening_ports(descriptors);
    for (const int descriptor : descriptors)
    {
        // A duplicate means the same connection to its end, whatever becomes of the number meanwhile.
        const int socket = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        if (socket < 0)
            continue;
        const auto peer = end_of(socket, &::getpeername);
        const auto local = end_of(socket, &::getsockname);
        if (peer && local && former.find(peer->host().toString()) != former.end() && ours.find(local->port()) == ours.end()
            && ::shutdown(socket, SHUT_RDWR) == 0)
            ++ended;
        ::close(socket);
    }
    return ended;
}

}
