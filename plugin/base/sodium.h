#pragma once

#include <new>

#include <sodium.h>

namespace chmtls
{

/// libsodium must be initialised once before guarded memory or random bytes are used; later calls are one load.
/// Throws std::bad_alloc when the system has no source of randomness.
inline void require_sodium()
{
    static const int state = sodium_init();
    if (state < 0)
        throw std::bad_alloc();
}

}
