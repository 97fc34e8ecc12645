#include "admin/line.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace chmtls::admin
{

namespace
{

enum class Direction : short
{
    in = POLLIN,
    out = POLLOUT,
};

bool ready(int socket, Direction direction, Deadline deadline)
{
    for (;;)
    {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        if (left <= 0)
            return false;
        pollfd one{socket, static_cast<short>(direction), 0};
        const int found = ::poll(&one, 1, static_cast<int>(left));
        if (found > 0)
            return true;
        if (found < 0 && errno != EINTR)
            return false;
    }
}

bool try_again()
{
    return errno == EAGAIN || errno == EINTR;
}

}

std::optional<std::string> read_line(int socket, size_t most, Deadline deadline)
{
    std::string line;
    std::array<char, 4096> part{};
    while (ready(socket, Direction::in, deadline))
    {
        const ssize_t got = ::recv(socket, part.data(), part.size(), 0);
        if (got < 0 && try_again())
            continue;
        if (got <= 0)
            return std::nullopt;
        const std::string_view bytes(part.data(), static_cast<size_t>(got));
        const size_t end = bytes.find('\n');
        line += bytes.substr(0, end);
        if (line.size() > most)
            return std::nullopt;
        if (end != std::string_view::npos)
            return line;
    }
    return std::nullopt;
}

bool write_line(int socket, std::string_view line, Deadline deadline)
{
    std::string out(line);
    out += '\n';
    size_t done = 0;
    while (done < out.size())
    {
        if (!ready(socket, Direction::out, deadline))
            return false;
        const ssize_t sent = ::send(socket, out.data() + done, out.size() - done, MSG_NOSIGNAL);
        if (sent < 0 && !try_again())
            return false;
        if (sent > 0)
            done += static_cast<size_t>(sent);
    }
    return true;
}

}
