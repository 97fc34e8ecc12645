#pragma once

#include <utility>

#include <unistd.h>

namespace chmtls
{

/// A descriptor that is closed with its owner; -1: none.
class Descriptor
{
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor && other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor & operator=(Descriptor && other) noexcept
    {
        if (this != &other)
        {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor & operator=(const Descriptor &) = delete;

    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] bool is_open() const { return number_ >= 0; }
    [[nodiscard]] int release() { return std::exchange(number_, -1); } ///< the caller's from now on
    /// Closes it now. False: what was written may be lost.
    bool reset() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

private:
    int number_;
};

}
