#pragma once

// What every fuzz target shares.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size);

namespace chmtls::fuzz
{

/// A property beyond "no crash": libFuzzer and the replay both stop at an abort.
inline void require(bool held)
{
    if (!held)
        std::abort();
}

inline std::string_view text_of(const uint8_t * data, size_t size)
{
    return as_text({data, size});
}

}
