#pragma once

#include <string_view>

namespace chmtls
{

/// One code point of UTF-8 (RFC 3629) and how many bytes it took; `length` 0: no well-formed sequence starts here.
struct CodePoint
{
    char32_t value = 0;
    size_t length = 0;
};

/// Decodes at the front of `text`; overlong forms, surrogates and values above U+10FFFF are malformed.
[[nodiscard]] CodePoint decode_utf8(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

/// C0, DEL and C1 controls, line and paragraph separators, and the marks that turn text around on a screen.
[[nodiscard]] bool is_control(char32_t c);

/// Is any code point of this UTF-8 text one of those, or malformed?
[[nodiscard]] bool has_control(std::string_view text);

/// Editors on Windows write one (U+FEFF) in front of a text; it is no part of it.
[[nodiscard]] constexpr std::string_view without_byte_order_mark(std::string_view text)
{
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    if (text.starts_with(mark))
        text.remove_prefix(mark.size());
    return text;
}

}
