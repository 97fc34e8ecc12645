#include "dns/cares_resolver.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <ares.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/file.h"

namespace chmtls::dns
{

namespace
{

constexpr int timeout_ms = 2000;
constexpr int tries = 2;
constexpr const char * system_configuration = "/etc/resolv.conf";

using FileVersion = std::tuple<dev_t, ino_t, off_t, time_t, long>;

/// Nothing: it may change without looking different.
std::optional<FileVersion> version_of(const char * path)
{
    struct stat facts = {};
    if (::stat(path, &facts) != 0)
        return FileVersion{};
    if (!is_settled(facts))
        return std::nullopt;
    return FileVersion{facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

std::string text_of(const sockaddr & address)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void * bytes = address.sa_family == AF_INET6
                             ? static_cast<const void *>(&reinterpret_cast<const sockaddr_in6 &>(address).sin6_addr)
                             : static_cast<const void *>(&reinterpret_cast<const sockaddr_in &>(address).sin_addr);
    const char * done = ::inet_ntop(address.sa_family, bytes, text.data(), text.size());
    return done == nullptr ? std::string() : std::string(done);
}

Answer answer_of(int status, const ares_addrinfo * found)
{
    Answer answer;
    if (status == ARES_SUCCESS && found != nullptr && found->nodes != nullptr)
    {
        answer.kind = Answer::Kind::addresses;
        int ttl = found->nodes->ai_ttl;
        for (const ares_addrinfo_node * node = found->nodes; node != nullptr; node = node->ai_next)
        {
            ttl = std::min(ttl, node->ai_ttl);
            answer.addresses.push_back(text_of(*node->ai_addr));
        }
        for (const ares_addrinfo_cname * alias = found->cnames; alias != nullptr; alias = alias->next)
            ttl = std::min(ttl, alias->ttl);
        answer.ttl = std::chrono::seconds(std::max(0, ttl));
        return answer;
    }
    const bool none = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
    answer.kind = none ? Answer::Kind::none : Answer::Kind::failed;
    answer.failure = ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status);
    return answer;
}

/// "2001:db8::53" as c-ares wants it beside a port.
std::string server_text(const std::string & server)
{
    in6_addr address{};
    return ::inet_pton(AF_INET6, server.c_str(), &address) == 1 ? fmt::format("[{}]", server) : server;
}

class CaresResolver : public Resolver
{
public:
    CaresResolver()
    {
        static std::once_flag once; // nothing else in the module uses c-ares, and it is never taken down again
        std::call_once(once, [] { (void)ares_library_init(ARES_LIB_INIT_ALL); });
    }

    ~CaresResolver() override { close(); }
    CaresResolver(const CaresResolver &) = delete;
    CaresResolver & operator=(const CaresResolver &) = delete;

    void use(const std::vector<std::string> & servers) override
    {
        close();
        servers_ = servers;
    }

    void start(const std::string & name) override
    {
        if (const char * const trouble = prepare())
        {
            ended_.push_back(Question{*this, {name, {}, {}}, 0, {}});
            ended_.back().lookup.ipv4.failure = ended_.back().lookup.ipv6.failure = trouble;
            return;
        }
        open_.push_back(Question{*this, {name, {}, {}}, 2, {}});
        open_.back().self = std::prev(open_.end());
        auto & asked = open_.back(); // the second answer moves it to those that have ended
        ask(asked, AF_INET);
        ask(asked, AF_INET6);
    }

    std::vector<Lookup> wait(int wake, std::optional<std::chrono::milliseconds> most) override
    {
        const auto end = most ? std::optional(std::chrono::steady_clock::now() + *most) : std::nullopt;
        bool woken = false;
        while (ended_.empty() && !woken)
        {
            std::optional<std::chrono::milliseconds> left;
            if (end)
            {
                left = std::chrono::ceil<std::chrono::milliseconds>(*end - std::chrono::steady_clock::now());
                if (left->count() <= 0)
                    left = std::chrono::milliseconds(0);
            }
            woken = serve(wake, left);
            if (left && left->count() == 0)
                break;
        }
        std::vector<Lookup> result;
        result.reserve(ended_.size()); // before any is taken out
        for (Question & question : ended_)
            result.push_back(std::move(question.lookup));
        ended_.clear();
        return result;
    }

private:
    struct Question
    {
        CaresResolver & resolver;
        Lookup lookup;
        int open;
        std::list<Question>::iterator self;
    };

    /// Null when there is a channel.
    const char * prepare()
    {
        const auto version = version_of(system_configuration);
        if (channel_ != nullptr && open_.empty() && (!version || version != version_))
            close();
        if (channel_ != nullptr)
            return nullptr;
        version_ = version;
        ares_options options{};
        options.timeout = timeout_ms;
        options.tries = tries;
        options.sock_state_cb = &CaresResolver::on_socket;
        options.sock_state_cb_data = this;
        const int made = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
        if (made != ARES_SUCCESS)
        {
            channel_ = nullptr;
            return ares_strerror(made);
        }
        if (servers_.empty())
            return nullptr;
        std::string list;
        for (const std::string & server : servers_)
            list += (list.empty() ? "" : ",") + server_text(server);
        const int taken = ares_set_servers_ports_csv(channel_, list.c_str());
        if (taken == ARES_SUCCESS)
            return nullptr;
        close();
        return ares_strerror(taken);
    }

    void close()
    {
        if (channel_ != nullptr)
            ares_destroy(channel_); // every question that is open ends as failed
        channel_ = nullptr;
        sockets_.clear();
    }

    void ask(Question & question, int family)
    {
        ares_addrinfo_hints hints{};
        hints.ai_family = family;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = ARES_AI_NOSORT; // sorting would open a socket for each address
        ares_getaddrinfo(
            channel_, question.lookup.name.c_str(), nullptr, &hints,
            family == AF_INET ? &CaresResolver::on_ipv4 : &CaresResolver::on_ipv6, &question);
    }

    // Nothing is thrown through c-ares.

    static void on_ipv4(void * argument, int status, int, ares_addrinfo * found) noexcept
    {
        auto & question = *static_cast<Question *>(argument);
        finish(question, question.lookup.ipv4, status, found);
    }

    static void on_ipv6(void * argument, int status, int, ares_addrinfo * found) noexcept
    {
        auto & question = *static_cast<Question *>(argument);
        finish(question, question.lookup.ipv6, status, found);
    }

    static void finish(Question & question, Answer & answer, int status, ares_addrinfo * found) noexcept
    {
        try
        {
            answer = answer_of(status, found);
        }
        catch (const std::bad_alloc &)
        {
            answer = {}; // failed
        }
        if (found != nullptr)
            ares_freeaddrinfo(found);
        if (--question.open > 0)
            return;
        auto & resolver = question.resolver;
        resolver.ended_.splice(resolver.ended_.end(), resolver.open_, question.self); // needs no memory
    }

    static void on_socket(void * argument, ares_socket_t socket, int readable, int writable) noexcept
    {
        auto & sockets = static_cast<CaresResolver *>(argument)->sockets_;
        if (readable == 0 && writable == 0)
            sockets.erase(socket);
        else
            try
            {
                sockets[socket] = static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
            }
            catch (const std::bad_alloc &) // not polled: its question ends when its time is over
            {
            }
    }

    /// One round of I/O; true when `wake` is readable.
    bool serve(int wake, std::optional<std::chrono::milliseconds> most)
    {
        polled_.clear();
        polled_.push_back({wake, POLLIN, 0});
        for (const auto & [socket, events] : sockets_)
            polled_.push_back({socket, events, 0});
        int timeout = most ? static_cast<int>(std::min<int64_t>(most->count(), 3600 * 1000)) : -1;
        if (channel_ != nullptr)
        {
            timeval next{};
            if (const timeval * const due = ares_timeout(channel_, nullptr, &next))
            {
                const int until = static_cast<int>(due->tv_sec * 1000 + (due->tv_usec + 999) / 1000);
                timeout = timeout < 0 ? until : std::min(timeout, until);
            }
        }
        if (::poll(polled_.data(), static_cast<nfds_t>(polled_.size()), timeout) < 0)
            return false;
        if (channel_ == nullptr)
            return polled_.front().revents != 0;
        bool served = false;
        for (size_t i = 1; i < polled_.size(); ++i)
        {
            const short seen = polled_[i].revents;
            if (seen == 0)
                continue;
            ares_process_fd(
                channel_, (seen & (POLLIN | POLLERR | POLLHUP)) != 0 ? polled_[i].fd : ARES_SOCKET_BAD,
                (seen & POLLOUT) != 0 ? polled_[i].fd : ARES_SOCKET_BAD);
            served = true;
        }
        if (!served)
            ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD); // what has taken too long
        return polled_.front().revents != 0;
    }

    ares_channel channel_ = nullptr;
    std::vector<std::string> servers_;
    std::optional<FileVersion> version_;
    std::unordered_map<ares_socket_t, short> sockets_;
    std::vector<pollfd> polled_;
    std::list<Question> open_;
    std::list<Question> ended_;
};

}

std::unique_ptr<Resolver> make_cares_resolver()
{
    return std::make_unique<CaresResolver>();
}

}
