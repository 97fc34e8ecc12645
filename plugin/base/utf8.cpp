#include "base/utf8.h"

#include <cstdint>

namespace chmtls
{

CodePoint decode_utf8(std::string_view text)
{
    if (text.empty())
        return {};
    const auto byte = [&](size_t i)
    {
        return static_cast<uint8_t>(text[i]);
    };
    const uint8_t first = byte(0);
    if (first < 0x80)
        return {first, 1};

    size_t length = 0;
    char32_t value = 0;
    char32_t least = 0;
    if ((first & 0xe0) == 0xc0)
    {
        length = 2;
        value = first & 0x1fu;
        least = 0x80;
    }
    else if ((first & 0xf0) == 0xe0)
    {
        length = 3;
        value = first & 0x0fu;
        least = 0x800;
    }
    else if ((first & 0xf8) == 0xf0)
    {
        length = 4;
        value = first & 0x07u;
        least = 0x10000;
    }
    if (length == 0 || text.size() < length)
        return {};
    for (size_t i = 1; i < length; ++i)
    {
        if ((byte(i) & 0xc0) != 0x80)
            return {};
        value = value << 6 | (byte(i) & 0x3fu);
    }
    if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return {};
    return {value, length};
}

bool is_utf8(std::string_view text)
{
    while (!text.empty())
    {
        const CodePoint next = decode_utf8(text);
        if (next.length == 0)
            return false;
        text.remove_prefix(next.length);
    }
    return true;
}

bool is_control(char32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e)
           || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

bool has_control(std::string_view text)
{
    while (!text.empty())
    {
        const CodePoint next = decode_utf8(text);
        if (next.length == 0 || is_control(next.value))
            return true;
        text.remove_prefix(next.length);
    }
    return false;
}

}
