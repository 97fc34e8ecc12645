#include "log_record.h"

#include <algorithm>

namespace chmtls::debian
{

namespace
{

constexpr std::string_view defaced_blank = "\\x20";

bool is_control(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

/// How many bytes of a control character beyond ASCII begin here: C1 (0xC2 0x80..0x9F), U+2028 and U+2029 (0xE2 0x80 0xA8, 0xA9).
/// Some readers of logs end lines at them, and terminals obey the former.
size_t wide_control(std::string_view text) noexcept
{
    const auto byte = [&](size_t at)
    {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F)
        return 2;
    if (byte(0) == 0xE2 && byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9))
        return 3;
    return 0;
}

void append_escaped(std::string & out, std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : bytes)
    {
        const auto byte = static_cast<unsigned char>(c);
        out += "\\x";
        out += digits[byte >> 4];
        out += digits[byte & 0xF];
    }
}

std::string in_one_line(std::string_view text)
{
    std::string out;
    out.reserve(text.size() + 16);
    for (size_t at = 0; at < text.size();)
    {
        const auto wide = wide_control(text.substr(at));
        const auto length = std::max<size_t>(wide, 1);
        const char c = text[at];
        if (c == '\n')
            out += "\n\t";
        else if (wide != 0 || (is_control(c) && c != '\t'))
            append_escaped(out, text.substr(at, length));
        else
            out += c;
        at += length;
    }
    return out;
}

}

std::string without_markers(std::string text, size_t from)
{
    for (auto at = text.find(audit_marker, from); at != std::string::npos; at = text.find(audit_marker, at))
        text.replace(at + audit_marker.find(' '), 1, defaced_blank);
    return text;
}

bool has_control_bytes(std::string_view text) noexcept
{
    return std::any_of(text.begin(), text.end(), is_control);
}

std::string without_control_bytes(std::string name)
{
    std::replace_if(name.begin(), name.end(), is_control, '?');
    return name;
}

bool is_one_record(std::string_view formatted, Writer writer) noexcept
{
    for (size_t at = 0; at < formatted.size(); ++at)
        if ((is_control(formatted[at]) && formatted[at] != '\t') || wide_control(formatted.substr(at)) != 0)
            return false;
    const auto first = formatted.find(audit_marker);
    return writer == Writer::audit ? first == formatted.rfind(audit_marker) : first == std::string_view::npos;
}

std::string one_record(std::string_view formatted, Writer writer)
{
    while (!formatted.empty() && formatted.back() == '\n')
        formatted.remove_suffix(1);
    const auto record = in_one_line(formatted);
    // The prefix of the line may hold one as well: the id of a query is its author's choice.
    const auto own = writer == Writer::audit ? record.rfind(audit_marker) : std::string::npos;
    if (own == std::string::npos)
        return without_markers(record, 0);
    return without_markers(record.substr(0, own), 0) + record.substr(own);
}

}
