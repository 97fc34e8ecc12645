#pragma once

// JSON output (RFC 8259), small and always valid, whatever bytes go in.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace chmtls
{

/// A JSON string with its quotes. Control characters and line separators are escaped; each byte that is not part of well-formed
/// UTF-8 (RFC 3629: no overlong form, no surrogate) becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// One object; members come out in the order in which they were added.
class JsonObject
{
public:
    JsonObject & text(std::string_view name, std::string_view value) { return raw(name, json_string(value)); }
    JsonObject & number(std::string_view name, uint64_t value) { return raw(name, std::to_string(value)); }
    JsonObject & yes_no(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
    JsonObject & null(std::string_view name) { return raw(name, "null"); }
    JsonObject & raw(std::string_view name, std::string_view json); ///< `json` is a complete JSON value

    [[nodiscard]] std::string str() const { return "{" + members_ + "}"; }

private:
    std::string members_;
};

/// An array of complete JSON values.
[[nodiscard]] std::string json_array(const std::vector<std::string> & values);
[[nodiscard]] std::string json_strings(const std::vector<std::string> & values);

/// {"file","field","reason","remedy"} and "code" where there is one.
[[nodiscard]] std::string json_finding(const Error & error);

}
