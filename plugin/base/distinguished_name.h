#pragma once

// Distinguished names as text (RFC 4514): one form for each name, so that what is configured can be compared with what is read.

#include <optional>
#include <string>
#include <string_view>

namespace chmtls
{

/// A value as it stands behind "CN=": special and control characters are escaped, all else is UTF-8 as it is (RFC 4514 2.4).
[[nodiscard]] std::string escape_attribute_value(std::string_view text);

/// The form that openssl::print_name prints: no blanks around types, values and separators, types as OpenSSL writes them, each
/// character escaped in one way. The case of values is kept. Nothing when the text is no distinguished name.
[[nodiscard]] std::optional<std::string> normal_distinguished_name(std::string_view text);

}
