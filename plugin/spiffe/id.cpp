#include "spiffe/id.h"

#include <algorithm>
#include <array>

namespace chmtls::spiffe
{

namespace
{

constexpr std::string_view scheme_prefix = "spiffe://";

struct DefectFacts
{
    IdDefect defect;
    std::string_view code;
    std::string_view message;
    Reason reason;
};

constexpr std::array defect_table{
    DefectFacts{IdDefect::empty, "EMPTY", "a SPIFFE ID cannot be empty", Reason::id_scheme},
    DefectFacts{IdDefect::scheme, "SCHEME", "a SPIFFE ID begins with spiffe:// in lower case", Reason::id_scheme},
    DefectFacts{IdDefect::td_empty, "TD-EMPTY", "the trust domain name is missing", Reason::id_trust_domain},
    DefectFacts{IdDefect::td_userinfo, "TD-USERINFO", "user information before the trust domain name", Reason::id_trust_domain},
    DefectFacts{IdDefect::td_port, "TD-PORT", "a port behind the trust domain name", Reason::id_trust_domain},
    DefectFacts{IdDefect::td_case, "TD-CASE", "upper-case letter in the trust domain name", Reason::id_trust_domain},
    DefectFacts{IdDefect::td_percent, "TD-PERCENT", "percent-encoding in the trust domain name", Reason::id_trust_domain},
    DefectFacts{IdDefect::td_nonascii, "TD-NONASCII", "byte outside ASCII in the trust domain name", Reason::id_trust_domain},
    DefectFacts{
        IdDefect::td_chars, "TD-CHARS", "a trust domain name holds only a-z, 0-9, dot, dash and underscore",
        Reason::id_trust_domain},
    DefectFacts{IdDefect::td_length, "TD-LENGTH", "the trust domain name is longer than 255 bytes", Reason::id_length},
    DefectFacts{IdDefect::td_path, "TD-PATH", "a trust domain name has no path", Reason::id_trust_domain},
    DefectFacts{IdDefect::path_percent, "PATH-PERCENT", "percent-encoding in the path", Reason::id_path},
    DefectFacts{IdDefect::path_nonascii, "PATH-NONASCII", "byte outside ASCII in the path", Reason::id_path},
    DefectFacts{
        IdDefect::path_chars, "PATH-CHARS", "a path segment holds only a-z, A-Z, 0-9, dot, dash and underscore", Reason::id_path},
    DefectFacts{IdDefect::empty_segment, "EMPTY-SEGMENT", "empty path segment", Reason::id_path},
    DefectFacts{IdDefect::dot_segment, "DOT-SEGMENT", "path segment that is only a dot or two", Reason::id_path},
    DefectFacts{IdDefect::trailing_slash, "TRAILING-SLASH", "the path ends in a slash", Reason::id_path},
    DefectFacts{IdDefect::query, "QUERY", "a SPIFFE ID has no query component", Reason::id_query},
    DefectFacts{IdDefect::fragment, "FRAGMENT", "a SPIFFE ID has no fragment component", Reason::id_query},
    DefectFacts{IdDefect::id_length, "ID-LENGTH", "the SPIFFE ID is longer than 2048 bytes", Reason::id_length},
};

constexpr bool table_is_in_enum_order()
{
    for (size_t i = 0; i < defect_table.size(); ++i)
    {
        if (static_cast<size_t>(defect_table[i].defect) != i)
            return false;
    }
    return true;
}
static_assert(table_is_in_enum_order());

const DefectFacts & facts_of(IdDefect defect)
{
    return defect_table[static_cast<size_t>(defect)];
}

constexpr bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

constexpr bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

constexpr bool is_plain(char c)
{
    return is_lower(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

constexpr bool is_ascii(char c)
{
    return static_cast<unsigned char>(c) < 0x80;
}

/// What a byte that no trust domain name may hold is called. `rest` begins with it.
IdDefect trust_domain_defect(std::string_view rest, bool first)
{
    const char c = rest.front();
    if (c == '@')
        return IdDefect::td_userinfo;
    if (first && (c == ':' || c == '?' || c == '#'))
        return IdDefect::td_chars;
    if (c == ':')
    {
        const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
        return authority.find('@') == std::string_view::npos ? IdDefect::td_port : IdDefect::td_userinfo;
    }
    if (c == '?')
        return IdDefect::query;
    if (c == '#')
        return IdDefect::fragment;
    if (c == '%')
        return IdDefect::td_percent;
    if (is_upper(c))
        return IdDefect::td_case;
    return is_ascii(c) ? IdDefect::td_chars : IdDefect::td_nonascii;
}

IdDefect path_defect(char c)
{
    if (c == '?')
        return IdDefect::query;
    if (c == '#')
        return IdDefect::fragment;
    if (c == '%')
        return IdDefect::path_percent;
    return is_ascii(c) ? IdDefect::path_chars : IdDefect::path_nonascii;
}

/// Length of the trust domain name at the start of `text`, which ends at '/' or at the end.
tl::expected<size_t, IdDefect> scan_trust_domain(std::string_view text)
{
    size_t length = 0;
    while (length < text.size() && text[length] != '/')
    {
        if (!is_plain(text[length]))
            return tl::unexpected(trust_domain_defect(text.substr(length), length == 0));
        ++length;
    }
    if (length == 0)
        return tl::unexpected(IdDefect::td_empty);
    if (length > max_trust_domain_length)
        return tl::unexpected(IdDefect::td_length);
    return length;
}

/// `path` is empty or begins with '/'.
tl::expected<void, IdDefect> scan_path(std::string_view path)
{
    size_t at = 0;
    while (at < path.size())
    {
        const size_t begin = ++at;
        while (at < path.size() && path[at] != '/')
        {
            if (!is_plain(path[at]) && !is_upper(path[at]))
                return tl::unexpected(path_defect(path[at]));
            ++at;
        }
        const std::string_view segment = path.substr(begin, at - begin);
        if (segment.empty())
            return tl::unexpected(at == path.size() ? IdDefect::trailing_slash : IdDefect::empty_segment);
        if (segment == "." || segment == "..")
            return tl::unexpected(IdDefect::dot_segment);
    }
    return {};
}

}

std::string_view code(IdDefect defect)
{
    return facts_of(defect).code;
}

std::string_view message(IdDefect defect)
{
    return facts_of(defect).message;
}

Reason reason_of(IdDefect defect)
{
    return facts_of(defect).reason;
}

Id::Id(std::string text, size_t trust_domain_length) : text_(std::move(text)), trust_domain_length_(trust_domain_length) {}

tl::expected<Id, IdDefect> Id::parse(std::string_view text)
{
    if (text.empty())
        return tl::unexpected(IdDefect::empty);
    if (!text.starts_with(scheme_prefix))
        return tl::unexpected(IdDefect::scheme);
    const std::string_view rest = text.substr(scheme_prefix.size());
    const auto length = scan_trust_domain(rest);
    if (!length)
        return tl::unexpected(length.error());
    if (const auto path = scan_path(rest.substr(*length)); !path)
        return tl::unexpected(path.error());
    if (text.size() > max_id_length)
        return tl::unexpected(IdDefect::id_length);
    return Id(std::string(text), *length);
}

std::string_view Id::trust_domain() const
{
    return std::string_view(text_).substr(scheme_prefix.size(), trust_domain_length_);
}

std::string_view Id::path() const
{
    return std::string_view(text_).substr(scheme_prefix.size() + trust_domain_length_);
}

tl::expected<std::string, IdDefect> parse_trust_domain(std::string_view text)
{
    if (text.empty())
        return tl::unexpected(IdDefect::empty);
    const std::string_view name = text.starts_with(scheme_prefix) ? text.substr(scheme_prefix.size()) : text;
    const auto length = scan_trust_domain(name);
    if (!length)
        return tl::unexpected(length.error());
    if (*length != name.size())
        return tl::unexpected(IdDefect::td_path);
    return std::string(name);
}

}
