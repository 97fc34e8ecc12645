#pragma once

// The head of an HTTP/1 request (RFC 9112), read so strictly that no two servers can understand it differently. Pure functions.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chmtls::gateway
{

inline constexpr size_t max_head_bytes = 128 << 10;
inline constexpr size_t max_fields = 256;

struct Field
{
    std::string_view name;
    std::string_view value; ///< without the blanks around it
};

enum class Framing : uint8_t
{
    none, ///< no body
    length,
    chunked,
};

/// Everything is borrowed from the bytes that were parsed.
struct RequestHead
{
    std::string_view method;
    std::string_view target; ///< begins with '/'
    int minor_version = 1;
    std::vector<Field> fields;
    Framing framing = Framing::none;
    uint64_t length = 0; ///< Framing::length
    bool keep_alive = true;
    bool expects_continue = false;
};

struct HeadParse
{
    std::optional<RequestHead> head;
    int status = 400;       ///< without a head: what to answer
    std::string_view fault; ///< likewise; a literal
};

/// How many bytes the head in front of `bytes` has, the empty line included; 0: it is not there in full.
size_t head_size(std::string_view bytes);

/// Of a complete head. Refused, among others: anything but CR LF at the end of a line, folded lines, blanks before a colon, names
/// that are no tokens, control characters, a target that is not a path, Content-Length twice or together with Transfer-Encoding,
/// any coding but chunked, an Expect that is not 100-continue.
HeadParse parse_request_head(std::string_view head);

/// ASCII letters in lower case, and '_' and '.' as '-': however some server may take a header's name.
std::string folded_name(std::string_view name);

/// Elements of a comma-separated list, without blanks; empty ones left out.
std::vector<std::string_view> list_elements(std::string_view value);

}
