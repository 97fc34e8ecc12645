#pragma once

#include <optional>

#include "base/time.h"
#include "openssl/pointers.h"

namespace chmtls::trust
{

/// Seconds since 1970 of an ASN.1 time; nothing when it cannot be read. Any thread.
[[nodiscard]] std::optional<UnixTime> to_unix_time(const ASN1_TIME * time);

}
