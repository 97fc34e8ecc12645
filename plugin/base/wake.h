#pragma once

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace chmtls
{

/// Wakes a thread that polls. send() from any thread.
class Wake
{
public:
    /// Throws std::system_error: a thread that cannot be woken cannot be stopped.
    Wake() : handle_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
    {
        if (handle_ < 0)
            throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
    }
    ~Wake() { ::close(handle_); }
    Wake(const Wake &) = delete;
    Wake & operator=(const Wake &) = delete;

    [[nodiscard]] int handle() const { return handle_; }
    void send() const
    {
        const uint64_t one = 1;
        (void)!::write(handle_, &one, sizeof(one));
    }
    void receive() const
    {
        uint64_t count = 0;
        (void)!::read(handle_, &count, sizeof(count));
    }

private:
    int handle_;
};

}
