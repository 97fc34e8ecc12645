#pragma once

// What every export goes through: nothing but a status leaves the module.

#include <cerrno>
#include <exception>
#include <new>
#include <utility>

#include <clickhouse_mtls/plugin.h>

#include "abi/text.h"
#include "openssl/error_mark.h"

namespace chmtls::abi
{

/// The host's errno is the host's.
class ErrnoKeeper
{
public:
    ErrnoKeeper() : kept_(errno) {}
    ~ErrnoKeeper() { errno = kept_; }
    ErrnoKeeper(const ErrnoKeeper &) = delete;
    ErrnoKeeper & operator=(const ErrnoKeeper &) = delete;

private:
    int kept_;
};

/// Runs `body(ErrorText &) -> chmtls_status`; exceptions become a status. `error` may be null.
template <typename Body>
[[nodiscard]] chmtls_status guarded(chmtls_buffer * error, Body && body) noexcept
{
    const ErrnoKeeper errno_keeper;
    const openssl::ErrorMark error_mark;
    ErrorText text(error);
    try
    {
        return std::forward<Body>(body)(text);
    }
    catch (const std::bad_alloc &)
    {
        return text.fail(CHMTLS_OUT_OF_MEMORY, "out of memory");
    }
    catch (const std::exception & exception)
    {
        return text.fail(CHMTLS_INTERNAL_ERROR, exception.what());
    }
    catch (...)
    {
        return text.fail(CHMTLS_INTERNAL_ERROR, "unknown exception");
    }
}

}
