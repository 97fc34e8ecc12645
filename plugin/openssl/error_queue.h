#pragma once

#include <new>
#include <string>

namespace chmtls::openssl
{

/// Empties this thread's OpenSSL error queue; call before an operation whose errors will be read.
void clear_errors();

/// The queued errors as one line ("PEM routines: bad decrypt"), and the queue emptied. "unknown error" when it was empty.
/// Texts of libraries only, never content.
[[nodiscard]] std::string drain_errors();

/// Empties the queue. True: want of memory was among the errors.
[[nodiscard]] bool drain_out_of_memory();

/// OpenSSL has one answer for a wrong signature and for want of memory: so a no of `check()` must be said twice, and never for a
/// reason that is none. Throws std::bad_alloc.
template <typename Check>
[[nodiscard]] bool verified(const Check & check)
{
    for (int attempt = 0; attempt < 2; ++attempt)
    {
        clear_errors();
        const bool good = check();
        const bool out_of_memory = drain_out_of_memory();
        if (good)
            return true;
        if (out_of_memory)
            throw std::bad_alloc();
    }
    return false;
}

/// The discipline around a group of OpenSSL calls: the queue is empty when it begins and empty when it ends, however it ends, so
/// that a host's next SSL_get_error does not read what we left behind.
class ErrorScope
{
public:
    ErrorScope() { clear_errors(); }
    ~ErrorScope() { clear_errors(); }
    ErrorScope(const ErrorScope &) = delete;
    ErrorScope & operator=(const ErrorScope &) = delete;
};

}
