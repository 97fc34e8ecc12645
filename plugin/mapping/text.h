#pragma once

// Small text helpers of the rules.

#include <string>
#include <string_view>

namespace chmtls::mapping
{

/// "*.example.org" in a certificate: a pattern for the names of servers (RFC 9525 6.3). It names nobody, so no rule matches it.
[[nodiscard]] inline bool is_wildcard_name(std::string_view name)
{
    return name.find('*') != std::string_view::npos;
}

[[nodiscard]] bool has_upper(std::string_view text);

/// A mailbox with its domain (what follows the last '@') in lower case. The local part is case-sensitive (RFC 5321 2.4).
[[nodiscard]] std::string mailbox_with_lower_domain(std::string_view mailbox);
[[nodiscard]] bool mailbox_domain_has_upper(std::string_view mailbox);

/// Valid UTF-8 (RFC 3629) without control characters or marks that turn text around on a screen.
[[nodiscard]] bool is_plain_utf8(std::string_view text);

/// 'printable' in single quotes, for messages.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// "a, b, c"
template <typename List>
[[nodiscard]] std::string listed(const List & words)
{
    std::string out;
    for (const std::string_view word : words)
    {
        if (!out.empty())
            out += ", ";
        out += word;
    }
    return out;
}

/// Is this, literally, the beginning of a SPIFFE ID?
[[nodiscard]] constexpr bool begins_as_id(std::string_view text)
{
    return text.starts_with("spiffe://");
}

/// Only 0x21 to 0x7e.
[[nodiscard]] bool is_visible_ascii(std::string_view text);

}
