#pragma once

#include <algorithm>
#include <cstdlib>

#include "support/sanitized.h"

namespace chmtls::test
{

/// How often a stress test rotates: a thousand times; under a sanitizer, which is some ten times slower, a sample of that unless
/// CHMTLS_ROTATIONS asks for more (`./run stress`).
inline int rotations_to_make()
{
    if (const char * asked = std::getenv("CHMTLS_ROTATIONS"))
        return std::max(50, std::atoi(asked));
    return sanitized ? 150 : 1000;
}

}
