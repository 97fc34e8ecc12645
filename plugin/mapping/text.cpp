#include "mapping/text.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "base/utf8.h"

namespace chmtls::mapping
{

bool has_upper(std::string_view text)
{
    // No early exit: the loop becomes a few vector instructions.
    bool found = false;
    for (const char c : text)
        found |= c >= 'A' && c <= 'Z';
    return found;
}

bool mailbox_domain_has_upper(std::string_view mailbox)
{
    const size_t at = mailbox.rfind('@');
    return at != std::string_view::npos && has_upper(mailbox.substr(at));
}

std::string mailbox_with_lower_domain(std::string_view mailbox)
{
    const size_t at = mailbox.rfind('@');
    if (at == std::string_view::npos)
        return std::string(mailbox);
    return std::string(mailbox.substr(0, at)) + ascii_lower(mailbox.substr(at));
}

bool is_plain_utf8(std::string_view text)
{
    return !has_control(text);
}

std::string in_quotes(std::string_view text)
{
    std::string out = "'";
    out += printable(text);
    out += '\'';
    return out;
}

bool is_visible_ascii(std::string_view text)
{
    bool clean = true;
    for (const char c : text)
        clean &= c >= 0x21 && c <= 0x7e;
    return clean;
}

}
