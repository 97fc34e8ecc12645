#include "service.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chmtls::gateway
{
namespace
{

constexpr int first_inherited = 3;

std::optional<uint64_t> number_in(const char * name)
{
    const char * const text = std::getenv(name);
    if (text == nullptr || *text == '\0')
        return std::nullopt;
    char * end = nullptr;
    const auto number = std::strtoull(text, &end, 10);
    return *end == '\0' ? std::optional<uint64_t>(number) : std::nullopt;
}

std::optional<HostPort> listens_at(int descriptor)
{
    int listening = 0;
    socklen_t size = sizeof(listening);
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0)
        return std::nullopt;
    sockaddr_storage address{};
    size = sizeof(address);
    if (::getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        return std::nullopt;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET)
    {
        const auto & v4 = reinterpret_cast<const sockaddr_in &>(address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        return HostPort{text.data(), ntohs(v4.sin_port)};
    }
    if (address.ss_family != AF_INET6)
        return std::nullopt;
    const auto & v6 = reinterpret_cast<const sockaddr_in6 &>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return HostPort{text.data(), ntohs(v6.sin6_port)};
}

}

InheritedSockets::~InheritedSockets()
{
    for (const auto & [address, descriptor] : sockets_)
        ::close(descriptor);
}

void InheritedSockets::collect()
{
    const auto process = number_in("LISTEN_PID");
    const auto count = number_in("LISTEN_FDS");
    if (process && count && *process == static_cast<uint64_t>(::getpid()))
    {
        for (int descriptor = first_inherited; descriptor < first_inherited + static_cast<int>(std::min<uint64_t>(*count, 256));
             ++descriptor)
        {
            static_cast<void>(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
            if (auto address = listens_at(descriptor))
                sockets_.emplace_back(std::move(*address), descriptor);
        }
    }
    for (const char * const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        ::unsetenv(name);
}

std::optional<int> InheritedSockets::take(const HostPort & address)
{
    const auto found = std::find_if(sockets_.begin(), sockets_.end(), [&](const auto & each) { return each.first == address; });
    if (found == sockets_.end())
        return std::nullopt;
    const int descriptor = found->second;
    sockets_.erase(found);
    return descriptor;
}

void notify_service(std::string_view state) noexcept
{
    const char * const path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof(address.sun_path))
        return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, std::strlen(path));
    if (path[0] == '@') // of the abstract name space
        address.sun_path[0] = '\0';
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
    static_cast<void>(
        ::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr *>(&address), size));
    ::close(descriptor);
}

void notify_reloading() noexcept
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds = static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
    notify_service("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

std::optional<uint64_t> watchdog_microseconds()
{
    const auto process = number_in("WATCHDOG_PID");
    const auto limit = number_in("WATCHDOG_USEC");
    if (!limit || *limit < 2 || (process && *process != static_cast<uint64_t>(::getpid())))
        return std::nullopt;
    return *limit / 2;
}

void forbid_cores() noexcept
{
    const rlimit none{0, 0};
    static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
    static_cast<void>(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

uint64_t raise_descriptor_limit() noexcept
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
    return limit.rlim_cur;
}

}
