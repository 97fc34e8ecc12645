#pragma once

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/descriptor.h"

namespace chmtls
{

/// Wakes a thread that polls. send() from any thread.
class Wake
{
public:
    /// Throws std::system_error: a thread that cannot be woken cannot be stopped.
    Wake() : handle_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
    {
        if (!handle_.is_open())
            throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
    }

    [[nodiscard]] int handle() const { return handle_.get(); }
    void send() const
    {
        const uint64_t one = 1;
        (void)!::write(handle_.get(), &one, sizeof(one));
    }
    void receive() const
    {
        uint64_t count = 0;
        (void)!::read(handle_.get(), &count, sizeof(count));
    }

private:
    Descriptor handle_;
};

}
