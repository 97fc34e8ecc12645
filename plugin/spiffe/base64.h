#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace chmtls::spiffe
{

/// RFC 4648 4: plain alphabet, padded, no blank, no line break, unused bits zero. Nothing when it is anything else.
[[nodiscard]] std::optional<Bytes> decode_base64(std::string_view text);

/// RFC 4648 5 as RFC 7515 2 uses it: URL alphabet, no padding, unused bits zero.
[[nodiscard]] std::optional<Bytes> decode_base64url(std::string_view text);

}
