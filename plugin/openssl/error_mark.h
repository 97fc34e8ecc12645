#pragma once

#include <openssl/err.h>

namespace chmtls::openssl
{

/// Leaves nothing of ours on this thread's OpenSSL error queue: a host that shares our copy of OpenSSL would read it as the cause
/// of its own next failure (SSL_get_error(3)).
class ErrorMark
{
public:
    ErrorMark() { ERR_set_mark(); }
    ~ErrorMark() { ERR_pop_to_mark(); }
    ErrorMark(const ErrorMark &) = delete;
    ErrorMark & operator=(const ErrorMark &) = delete;
};

}
