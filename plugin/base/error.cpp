#include "base/error.h"

#include <cstdint>

#include "base/utf8.h"

namespace chmtls
{

namespace
{

// Long enough for a path or a chain of causes, short enough for a log line.
constexpr size_t part_limit = 4096;

}

std::string printable(std::string_view text, size_t limit)
{
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    size_t at = 0;
    while (at < text.size())
    {
        const CodePoint next = decode_utf8(text.substr(at));
        const size_t length = next.length == 0 ? 1 : next.length;
        if (at + length > limit)
        {
            out += "...";
            break;
        }
        if (next.length != 0 && !is_control(next.value))
            out += text.substr(at, length);
        else
            for (const char c : text.substr(at, length))
            {
                const auto byte = static_cast<uint8_t>(c);
                out += "\\x";
                out += digits[byte >> 4];
                out += digits[byte & 0x0f];
            }
        at += length;
    }
    return out;
}

std::string Error::describe() const
{
    std::string out;
    const auto lead = [&](const std::string & part)
    {
        if (part.empty())
            return;
        if (!out.empty())
            out += ": ";
        out += printable(part, part_limit);
    };
    lead(file);
    lead(field);
    lead(reason);
    if (!remedy.empty())
    {
        if (!out.empty())
            out += "; ";
        out += printable(remedy, part_limit);
    }
    return out;
}

std::string describe(const Errors & errors)
{
    std::string out;
    for (const Error & error : errors)
    {
        if (!out.empty())
            out += '\n';
        out += error.describe();
        if (!error.code.empty())
            out += " [" + error.code + "]";
    }
    return out;
}

}
