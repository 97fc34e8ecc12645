#pragma once

// JSON as a value tree: strict RFC 8259, every member name once.

#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace chmtls::spiffe
{

inline constexpr size_t max_json_bytes = 16u << 20;
inline constexpr size_t max_json_depth = 32;

struct JsonValue;
struct JsonMember;
using JsonArray = std::vector<JsonValue>;

/// Members in their order; no name twice.
struct JsonObject
{
    std::vector<JsonMember> members;

    [[nodiscard]] const JsonValue * find(std::string_view name) const; ///< null: absent
};

struct JsonNull
{
};

/// A number that is no integer of 64 bits: fractions, exponents, negative ones.
struct JsonOtherNumber
{
};

struct JsonValue
{
    std::variant<JsonNull, bool, uint64_t, JsonOtherNumber, std::string, JsonArray, JsonObject> value;

    template <typename T>
    [[nodiscard]] const T * as() const
    {
        return std::get_if<T>(&value);
    }
};

struct JsonMember
{
    std::string name;
    JsonValue value;
};

/// Codes: "JSON" (not JSON, too deep, a NUL or an integer of more than 64 bits in it), "DUPLICATE" (a member name twice in one
/// object), "SIZE".
[[nodiscard]] Result<JsonValue> parse_json(ByteView bytes, const std::string & source);

}
