#pragma once

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
