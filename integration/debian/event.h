#pragma once

#include <system_error>

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

namespace chmtls::debian
{

/// Wakes a thread that waits in poll.
class Event
{
public:
    Event() : handle_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
    {
        if (handle_ < 0)
            throw std::system_error(errno, std::generic_category(), "clickhouse-mtls: eventfd");
    }
    ~Event() { ::close(handle_); }
    Event(const Event &) = delete;
    Event & operator=(const Event &) = delete;

    [[nodiscard]] int handle() const noexcept { return handle_; }
    void send() const noexcept
    {
        const uint64_t one = 1;
        [[maybe_unused]] const auto sent = ::write(handle_, &one, sizeof(one)); // full: it is awake anyway
    }
    void receive() const noexcept
    {
        uint64_t count = 0;
        [[maybe_unused]] const auto received = ::read(handle_, &count, sizeof(count));
    }

private:
    int handle_;
};

}
