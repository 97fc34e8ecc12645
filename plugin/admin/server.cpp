#include "admin/server.h"

#include <array>
#include <cerrno>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/endpoint.h"
#include "admin/line.h"
#include "base/wake.h"

namespace chmtls::admin
{

namespace
{

constexpr std::chrono::seconds longest_request{5};
/// How often to look whether the socket is still there, and to try again what could not be made.
constexpr std::chrono::milliseconds look_again{2000};

bool is_ours(int connection, ucred & peer)
{
    socklen_t size = sizeof(peer);
    return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof(peer)
           && (peer.uid == 0 || peer.uid == ::geteuid());
}

}

class Server::Impl
{
public:
    Impl(Requests requests, Log log) : requests_(std::move(requests)), log_(std::move(log)), thread_([this] { run(); }) {}

    ~Impl() { stop(); }
    Impl(const Impl &) = delete;
    Impl & operator=(const Impl &) = delete;

    void listen_at(const std::string & path)
    {
        {
            const std::lock_guard guard(mutex_);
            path_ = path;
        }
        wake_.send();
    }

    void stop()
    {
        {
            const std::lock_guard guard(mutex_);
            stopping_ = true;
        }
        wake_.send();
        if (thread_.joinable())
            thread_.join();
    }

private:
    /// Nothing: the server ends.
    std::optional<std::string> wanted_path()
    {
        const std::lock_guard guard(mutex_);
        return stopping_ ? std::nullopt : std::optional(path_);
    }

    void run() noexcept
    {
        while (!served_until_stopped())
            (void)::poll(nullptr, 0, static_cast<int>(look_again.count()));
        endpoint_.reset();
    }

    /// False: something failed, for want of memory most likely. The request that it was about gets no answer.
    bool served_until_stopped() noexcept
    {
        try
        {
            while (const auto path = wanted_path())
                serve(*path);
            return true;
        }
        catch (const std::exception &) // not even memory to say so
        {
            return false;
        }
    }

    void serve(const std::string & path)
    {
        settle_at(path);
        std::array<pollfd, 2> polled{{{wake_.handle(), POLLIN, 0}, {endpoint_ ? endpoint_->descriptor() : -1, POLLIN, 0}}};
        const int timeout = path.empty() ? -1 : static_cast<int>(look_again.count());
        if (::poll(polled.data(), polled.size(), timeout) < 0)
            return;
        wake_.receive();
        if (endpoint_ && polled[1].revents != 0)
            serve_one();
    }

    /// Has the socket at `path`, if it can be.
    void settle_at(const std::string & path)
    {
        if (path != served_path_)
        {
            endpoint_.reset();
            served_path_ = path;
            last_trouble_.clear();
        }
        if (path.empty() || (endpoint_ && endpoint_->in_place()))
            return;
        endpoint_.reset();
        auto opened = Endpoint::open(path);
        if (opened)
        {
            endpoint_ = std::move(*opened);
            last_trouble_.clear();
            log_(LogLevel::information, fmt::format("admin socket: {}", printable(path)));
            return;
        }
        const std::string trouble = opened.error().describe();
        if (trouble != last_trouble_)
            log_(LogLevel::error, "no admin socket, trying again: " + trouble);
        last_trouble_ = trouble;
    }

    void serve_one()
    {
        const Descriptor connection(::accept4(endpoint_->descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!connection.is_open())
            return take_breath(errno);
        ucred peer{};
        if (!is_ours(connection.get(), peer))
        {
            log_(LogLevel::warning, fmt::format("admin socket: user {} (process {}) was turned away", peer.uid, peer.pid));
            return;
        }
        const Deadline deadline = std::chrono::steady_clock::now() + longest_request;
        if (const auto line = read_line(connection.get(), max_request, deadline))
            (void)write_line(connection.get(), requests_.answer(*line), deadline); // who is gone needs no answer
    }

    /// A connection that cannot be taken for want of descriptors or memory stays, and would wake us at once.
    void take_breath(int error)
    {
        if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
            return;
        pollfd woken{wake_.handle(), POLLIN, 0};
        (void)::poll(&woken, 1, static_cast<int>(look_again.count()));
    }

    const Requests requests_;
    const Log log_;
    const Wake wake_;

    std::mutex mutex_;
    std::string path_;
    bool stopping_ = false;

    // Of the thread:
    std::string served_path_;
    std::optional<Endpoint> endpoint_;
    std::string last_trouble_;

    std::thread thread_; ///< last: everything above exists before it starts
};

Server::Server(Requests requests, Log log) : impl_(std::make_unique<Impl>(std::move(requests), std::move(log))) {}

Server::~Server() = default;

void Server::listen_at(const std::string & path)
{
    impl_->listen_at(path);
}

void Server::stop()
{
    impl_->stop();
}

}
