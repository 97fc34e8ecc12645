#pragma once

#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace chmtls::host
{

/// Owns a file descriptor.
class Descriptor
{
public:
    Descriptor() noexcept = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    ~Descriptor()
    {
        if (number_ >= 0)
            ::close(number_);
    }
    Descriptor(Descriptor && other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor & operator=(Descriptor && other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor & operator=(const Descriptor &) = delete;

    /// Another descriptor of the same open file, closed on exec. Not valid: there is none left.
    [[nodiscard]] static Descriptor duplicate_of(int number) noexcept { return Descriptor(::fcntl(number, F_DUPFD_CLOEXEC, 0)); }

    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    [[nodiscard]] bool valid() const noexcept { return number_ >= 0; }
    [[nodiscard]] int get() const noexcept { return number_; }

private:
    int number_ = -1;
};

}
