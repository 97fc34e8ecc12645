#include "names/known_addresses.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include <dirent.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/NumberParser.h>
#include <Poco/String.h>

#include <binding/descriptor.h>

#include "log.h"
#include "names/cluster_names.h"

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

size_t end_connections_to(const std::set<std::string> & addresses)
{
    if (addresses.empty())
        return 0;
    size_t ended = 0;
    const auto descriptors = open_descriptors();
    const auto ours = listening_ports(descriptors);
    for (const int descriptor : descriptors)
    {
        // A duplicate means the same connection to its end, whatever becomes of the number meanwhile.
        const auto socket = host::Descriptor::duplicate_of(descriptor);
        if (!socket.valid())
            continue;
        const auto peer = end_of(socket.get(), &::getpeername);
        const auto local = end_of(socket.get(), &::getsockname);
        if (peer && local && addresses.find(peer->host().toString()) != addresses.end() && ours.find(local->port()) == ours.end()
            && ::shutdown(socket.get(), SHUT_RDWR) == 0)
            ++ended;
    }
    return ended;
}

}

KnownAddresses::KnownAddresses(Configured configured) : configured_(std::move(configured)) {}

Poco::Net::IPAddress KnownAddresses::resolve(const std::string & host, const Lookup & lookup)
{
    Poco::Net::IPAddress address;
    if (Poco::Net::IPAddress::tryParse(host, address))
        return lookup();
    const auto instead = instead_of(
        host,
        [&]
        {
            address = lookup();
            note(host, address);
        });
    return instead.value_or(address);
}

std::optional<Poco::Net::IPAddress> KnownAddresses::instead_of(const std::string & host, const std::function<void()> & lookup)
{
    const auto known = former(host);
    if (const auto failure = recent_failure(host))
    {
        if (known)
            return known;
        if (ClusterScope::current())
            return nowhere();
        throw Poco::Net::HostNotFoundException(*failure);
    }
    try
    {
        lookup();
        return std::nullopt;
    }
    catch (const Poco::Exception & exception)
    {
        const auto message = exception.displayText();
        note_failure(host, message, known ? failure_memory_with_address : failure_memory);
        if (known)
        {
            say(Poco::Message::PRIO_WARNING,
                host + " does not resolve and keeps its former address " + known->toString() + ": " + message);
            return known;
        }
        if (!ClusterScope::current())
            throw;
        say(Poco::Message::PRIO_WARNING, "a host of a cluster does not resolve; the others go on: " + message);
        return nowhere();
    }
}

std::optional<Poco::Net::IPAddress> KnownAddresses::former(const std::string & host)
{
    const std::lock_guard lock(mutex_);
    const auto found = addresses_.find(Poco::toLower(host));
    return found == addresses_.end() ? std::nullopt : std::optional(found->second.latest);
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

void KnownAddresses::note_keeper(const std::string & host, const Poco::Net::IPAddress & address)
{
    note(host, address);
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
    const auto key = Poco::toLower(host);
    if (addresses_.size() >= max_hosts && addresses_.find(key) == addresses_.end())
    {
        for (auto each = addresses_.begin(); each != addresses_.end();)
            each = configured_(each->first) ? std::next(each) : addresses_.erase(each);
        if (addresses_.size() >= max_hosts)
            return;
    }
    auto & known = addresses_[key];
    known.latest = address;
    if (known.addresses.size() < max_addresses)
        known.addresses.insert(address.toString());
}

std::vector<std::string> KnownAddresses::configured_hosts()
{
    std::vector<std::string> hosts;
    const std::lock_guard lock(mutex_);
    for (const auto & [host, known] : addresses_)
        if (configured_(host))
            hosts.push_back(host);
    return hosts;
}

std::set<std::string> KnownAddresses::noted(const std::string & host)
{
    const std::lock_guard lock(mutex_);
    const auto found = addresses_.find(host);
    return found == addresses_.end() ? std::set<std::string>() : found->second.addresses;
}

/// The addresses that were noted of the host and are no longer its.
std::set<std::string> KnownAddresses::forget_former(const std::string & host)
{
    const auto before = noted(host);
    std::set<std::string> former;
    if (before.empty())
        return former;
    const auto now = look_up(host);
    if (now.empty())
        return former;
    std::set_difference(before.begin(), before.end(), now.begin(), now.end(), std::inserter(former, former.end()));
    const std::lock_guard lock(mutex_);
    if (const auto found = addresses_.find(host); found != addresses_.end())
        for (const auto & address : former)
            found->second.addresses.erase(address);
    return former;
}

size_t KnownAddresses::end_connections_to_former(const std::string & host)
{
    const auto hosts = configured_hosts();
    const auto wanted = Poco::toLower(host);
    std::set<std::string> former;
    for (const auto & each : hosts)
        if (wanted.empty() || each == wanted)
            former.merge(forget_former(each));
    const auto leads_there = [&](const std::string & address)
    {
        return former.find(address) != former.end();
    };
    // Another name may have led to the same address, and may still.
    for (const auto & each : hosts)
    {
        auto others = noted(each);
        if (!wanted.empty() && each != wanted && std::any_of(others.begin(), others.end(), leads_there))
        {
            static_cast<void>(forget_former(each));
            others = noted(each);
        }
        for (const auto & address : others)
            former.erase(address);
    }
    for (auto each = former.begin(); each != former.end();)
        each = configured_(*each) ? former.erase(each) : std::next(each);
    return end_connections_to(former);
}

}
