#pragma once

#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

namespace chmtls
{

/// Wakes a thread that polls. send() from any thread.
class Wake
{
public:
    Wake() : handle_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~Wake()
    {
        if (handle_ >= 0)
            ::close(handle_);
    }
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
