#include "lingering_close.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <binding/quiet_thread.h>

namespace chmtls::debian
{

namespace
{

using Clock = std::chrono::steady_clock;

/// True: there may be more to come. Takes what is there, within its bound.
bool drain(int descriptor, size_t & bytes_left) noexcept
{
    std::array<char, 16384> dropped{};
    while (bytes_left > 0)
    {
        const auto got = ::recv(descriptor, dropped.data(), std::min(dropped.size(), bytes_left), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (got == 0)
            return false;
        bytes_left -= static_cast<size_t>(got);
    }
    return false;
}

}

LingeringClose::~LingeringClose()
{
    std::thread thread;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
    }
    wake_.send();
    if (thread.joinable())
        thread.join();
    for (const auto & socket : arriving_)
        ::close(socket.descriptor);
}

void LingeringClose::take(int descriptor) noexcept
{
    const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return;
    ::shutdown(own, SHUT_WR);
    try
    {
        add({own, Clock::now() + longest, most_bytes});
    }
    catch (...) // no memory, no thread, too many: closed at once, as without us
    {
        ::close(own);
    }
}

void LingeringClose::add(const Socket & socket)
{
    const std::lock_guard lock(mutex_);
    if (stopping_ || held_ >= most)
        throw std::system_error(EAGAIN, std::generic_category());
    if (!thread_.joinable())
        thread_ = quiet_thread([this] { run(); });
    arriving_.push_back(socket);
    ++held_;
    wake_.send();
}

void LingeringClose::run()
{
    std::vector<Socket> sockets;
    sockets.reserve(most); // nothing fails from here on
    while (true)
    {
        const auto before = sockets.size();
        serve(sockets);
        const std::lock_guard lock(mutex_);
        held_ -= before - sockets.size();
        sockets.insert(sockets.end(), arriving_.begin(), arriving_.end());
        arriving_.clear();
        if (stopping_)
            break;
    }
    for (const auto & socket : sockets)
        ::close(socket.descriptor);
}

/// One round: waits, drains what has something to read, and closes what has ended or whose time is over.
void LingeringClose::serve(std::vector<Socket> & sockets) const
{
    std::array<pollfd, most + 1> polled{};
    polled[0] = {wake_.handle(), POLLIN, 0};
    int limit = -1;
    for (size_t i = 0; i < sockets.size(); ++i)
    {
        polled[i + 1] = {sockets[i].descriptor, POLLIN, 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(sockets[i].until - Clock::now()).count();
        const int until = static_cast<int>(std::max<decltype(left)>(left, 0));
        limit = limit < 0 ? until : std::min(limit, until);
    }
    if (::poll(polled.data(), sockets.size() + 1, limit) > 0)
        wake_.receive();
    const auto now = Clock::now();
    size_t kept = 0;
    for (size_t i = 0; i < sockets.size(); ++i)
    {
        auto socket = sockets[i];
        const bool readable = polled[i + 1].revents != 0;
        if (socket.until > now && (!readable || drain(socket.descriptor, socket.bytes_left)))
            sockets[kept++] = socket;
        else
            ::close(socket.descriptor);
    }
    sockets.resize(kept);
}

}
