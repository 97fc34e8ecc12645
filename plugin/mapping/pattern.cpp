#include "mapping/pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/error.h"
#include "mapping/text.h"

namespace chmtls::mapping
{

namespace
{

constexpr std::string_view regex_prefix = "regex:";
constexpr int max_regex_groups = 32;
constexpr size_t sha256_digits = 64;
constexpr size_t max_serial_digits = 64; // RFC 5280 4.1.2.2 allows 20 octets; CAs have been seen to use more

tl::unexpected<Finding> refuse(std::string reason, std::string remedy)
{
    return tl::unexpected<Finding>(Finding{std::move(reason), std::move(remedy)});
}

bool is_hex_field(Field field)
{
    return field == Field::issuer_spki_sha256 || field == Field::fingerprint_sha256 || field == Field::serial;
}

/// Lower-case digits without colons; false when anything else is in it.
bool plain_hex(std::string_view text, std::string & digits)
{
    digits.clear();
    for (const char c : text)
    {
        if (c == ':')
            continue;
        const char low = ascii_lower(c);
        if (!((low >= '0' && low <= '9') || (low >= 'a' && low <= 'f')))
            return false;
        digits += low;
    }
    return !digits.empty();
}

tl::expected<std::string, Finding> canonical_hex(Field field, std::string_view text)
{
    const bool negative = field == Field::serial && text.starts_with('-');
    std::string digits;
    if (!plain_hex(negative ? text.substr(1) : text, digits))
        return refuse("is not hexadecimal", "write hex digits of either case, with or without colons; no wildcards");
    if (field != Field::serial)
    {
        if (digits.size() != sha256_digits)
            return refuse(
                "has " + std::to_string(digits.size()) + " hex digits", "a SHA-256 digest has 64; check that it is complete");
        return digits;
    }
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    if (digits.size() > max_serial_digits)
        return refuse("is longer than any serial number", "write the serial number in hex");
    return (negative && digits != "0" ? "-" : "") + digits;
}

/// Case folded where the field ignores case. Capture names keep theirs.
std::string fold_case(Field field, std::string_view text)
{
    if (field == Field::email && text.rfind('@') == std::string_view::npos)
        return std::string(text);
    if (field != Field::dns && field != Field::email)
        return std::string(text);
    std::string out(text);
    bool in_name = false;
    for (size_t i = field == Field::email ? text.rfind('@') : 0; i < out.size(); ++i)
    {
        if (out[i] == '{' || out[i] == '}')
            in_name = out[i] == '{';
        if (!in_name)
            out[i] = ascii_lower(out[i]);
    }
    return out;
}

/// Bytes that no value of this field can hold make a pattern that never matches: refused.
std::optional<Finding> check_bytes(Field field, std::string_view text)
{
    switch (field)
    {
    case Field::dns:
    case Field::email:
    case Field::uri:
    case Field::spiffe_id:
    case Field::trust_domain:
        if (!is_visible_ascii(text))
            return Finding{
                "holds blanks, control characters or bytes that are not ASCII: it could never match",
                field == Field::dns ? "write internationalized names as A-labels (xn--...)" : "write printable ASCII"};
        break;
    default:
        if (!is_plain_utf8(text))
            return Finding{"is not UTF-8 or holds control characters", "write the value as text"};
    }
    if (field == Field::trust_domain && has_upper(text.substr(0, text.find('{'))))
        return Finding{"has upper-case letters: it could never match", "trust domains are lower-case"};
    if (field == Field::spiffe_id && !text.starts_with("spiffe://"))
        return Finding{"does not start with spiffe://: it could never match", "write the whole SPIFFE ID, spiffe://domain/path"};
    return std::nullopt;
}

/// Where "**" may stand first: behind scheme and authority.
size_t first_path_component(const PatternComponents & components)
{
    const bool has_authority = components.size() > 2 && components[0].ends_with(':') && components[1].empty();
    return has_authority ? 3 : 1;
}

std::optional<Finding> check_component(Field field, size_t index, std::string_view component)
{
    const Family how = family(field);
    if (component.empty())
    {
        if (how == Family::slashed ? field == Field::spiffe_id && index != 1 : field != Field::common_name)
            return Finding{"has an empty component: it could never match", "remove the doubled, leading or trailing separator"};
        return std::nullopt;
    }
    if (component.find('{') != std::string_view::npos || component.find('}') != std::string_view::npos)
    {
        const bool whole = component.size() > 2 && component.front() == '{' && component.back() == '}';
        if (!whole)
            return Finding{
                "has a brace inside a component",
                "{name} captures one whole component; for a part of one, or for a literal brace, "
                "use regex: with a named group (?P<name>...)"};
        if (!valid_capture_name(component.substr(1, component.size() - 2)))
            return Finding{
                "has a capture with the name " + in_quotes(component.substr(1, component.size() - 2)),
                "a name is a letter or '_', then letters, digits and '_'"};
        return std::nullopt;
    }
    if (component == "**")
    {
        if (how != Family::slashed)
            return Finding{"uses '**', which only uri and spiffe_id know", "use one '*' for each component"};
        return std::nullopt;
    }
    if (std::count(component.begin(), component.end(), '*') > 1)
        return Finding{
            "has more than one '*' in the component " + in_quotes(component),
            "one '*' to a component, '**' alone for any number of segments, or regex:"};
    return std::nullopt;
}

/// The text between the parentheses of (?P<name>...), and what stands behind them.
bool find_group(std::string_view expression, const std::string & name, std::string_view & inside, std::string_view & behind)
{
    const std::string opening = "(?P<" + name + ">";
    const size_t begin = expression.find(opening);
    if (begin == std::string_view::npos)
        return false;
    size_t depth = 1;
    bool in_class = false;
    for (size_t i = begin + opening.size(); i < expression.size(); ++i)
    {
        const char c = expression[i];
        if (c == '\\')
            ++i;
        else if (in_class)
            in_class = c != ']';
        else if (c == '[')
            in_class = true;
        else if (c == '(')
            ++depth;
        else if (c == ')' && --depth == 0)
        {
            inside = expression.substr(begin + opening.size(), i - begin - opening.size());
            behind = expression.substr(i + 1);
            return true;
        }
    }
    return false;
}

/// RE2 takes a quarter of it for the program: 16,384 instructions, with which an expression of a few bytes stays a matter of
/// milliseconds. `\pL` alone takes a thousand.
constexpr int64_t max_regex_memory = int64_t{1} << 20;

RE2::Options regex_options(Field field)
{
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(max_regex_memory);
    options.set_case_sensitive(!regex_ignores_case(field));
    return options;
}

re2::StringPiece piece(std::string_view text)
{
    return {text.data(), text.size()};
}

}

bool regex_ignores_case(Field field)
{
    return field == Field::dns;
}

bool valid_capture_name(std::string_view name)
{
    const auto letter = [](char c)
    {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    const auto digit = [](char c)
    {
        return c >= '0' && c <= '9';
    };
    if (name.empty() || name.size() > 64 || !letter(name.front()))
        return false;
    return std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); });
}

Pattern::Pattern(Field field, PatternKind kind, std::string text) : field_(field), kind_(kind), text_(std::move(text)) {}
Pattern::Pattern(Pattern &&) noexcept = default;
Pattern & Pattern::operator=(Pattern &&) noexcept = default;
Pattern::~Pattern() = default;

tl::expected<Pattern, Finding> Pattern::compile(Field field, std::string_view text)
{
    if (text.empty())
        return refuse("is empty", "write the value to look for, or remove the matcher");
    if (text.size() > max_pattern_length)
        return refuse("is longer than " + std::to_string(max_pattern_length) + " bytes", "shorten it, or split the rule");
    if (is_hex_field(field))
    {
        if (text.starts_with(regex_prefix))
            return refuse("is a regular expression on a hex field", "write the exact value");
        auto digits = canonical_hex(field, text);
        if (!digits)
            return tl::unexpected<Finding>(std::move(digits.error()));
        return Pattern(field, PatternKind::exact, std::move(*digits));
    }
    if (text.starts_with(regex_prefix))
        return compile_regex(field, text.substr(regex_prefix.size()));
    if (auto finding = check_bytes(field, text))
        return tl::unexpected<Finding>(std::move(*finding));
    if (family(field) == Family::whole)
    {
        if (text.find_first_of("*{}") != std::string_view::npos)
            return refuse(
                "holds '*' or braces, but a distinguished name is matched exactly or by regex:",
                "write regex:..., with named groups (?P<name>...) for captures");
        return Pattern(field, PatternKind::exact, std::string(text));
    }
    return compile_glob(field, fold_case(field, text));
}

tl::expected<Pattern, Finding> Pattern::compile_glob(Field field, std::string text)
{
    Pattern pattern(field, PatternKind::exact, std::move(text));
    PatternComponents components;
    if (field == Field::email && pattern.text_.find('@') == std::string::npos)
        return refuse("has no '@': it could never match", "write local@domain; *@domain matches every mailbox of it");
    if (pattern.text_.find_first_of("*{}") == std::string::npos && family(field) != Family::mailbox && field != Field::dns
        && field != Field::spiffe_id && field != Field::trust_domain)
        return pattern; // plain text of any number of components
    if (!components.split(family(field), pattern.text_))
        return refuse(
            "has more than " + std::to_string(max_pattern_components) + " components", "shorten it, or use '**' or regex:");
    size_t rests = 0;
    for (size_t i = 0; i < components.size(); ++i)
    {
        if (auto finding = check_component(field, i, components[i]))
            return tl::unexpected<Finding>(std::move(*finding));
        const PartKind kind = kind_of_part(components[i]);
        if (kind == PartKind::literal)
            continue;
        pattern.kind_ = PatternKind::glob;
        if (kind == PartKind::capture)
            pattern.captures_.emplace_back(components[i].substr(1, components[i].size() - 2));
        if (kind != PartKind::rest)
            continue;
        if (i < first_path_component(components))
            return refuse("has '**' before the path", "'**' stands for path segments, after scheme://authority/");
        if (++rests > 1)
            return refuse("has more than one '**'", "keep one, or use regex:");
    }
    if (pattern.captures_.size() > max_captures)
        return refuse("has more than " + std::to_string(max_captures) + " captures", "use '*' where the text is not needed");
    return pattern;
}

tl::expected<Pattern, Finding> Pattern::compile_regex(Field field, std::string_view expression)
{
    if (expression.empty())
        return refuse("is an empty regular expression", "write the expression behind regex:");
    Pattern pattern(field, PatternKind::regex, std::string(expression));
    pattern.regex_ = std::make_unique<RE2>(pattern.text_, regex_options(field));
    if (pattern.regex_->error_code() == RE2::ErrorPatternTooLarge)
        return refuse(
            "is too large a regular expression: it takes more than 16384 instructions",
            "repeat less, or name fewer characters: [A-Za-z] takes one instruction where \\pL takes a thousand");
    if (!pattern.regex_->ok())
        return refuse(
            "is not a regular expression that RE2 takes: " + printable(pattern.regex_->error()),
            "see the RE2 syntax; look-around and back references do not exist in it");
    if (pattern.regex_->NumberOfCapturingGroups() > max_regex_groups)
        return refuse("has more than " + std::to_string(max_regex_groups) + " groups", "use (?:...) where nothing is captured");
    for (const auto & [group, name] : pattern.regex_->CapturingGroupNames())
    {
        if (!valid_capture_name(name))
            return refuse("has a group with the name " + in_quotes(name), "use letters, digits and '_', at most 64");
        pattern.captures_.push_back(name);
        pattern.groups_.push_back(group);
    }
    if (pattern.captures_.size() > max_captures)
        return refuse("has more than " + std::to_string(max_captures) + " named groups", "use (?:...) where nothing is captured");
    return pattern;
}

bool Pattern::can_capture_nothing(size_t capture) const
{
    if (kind_ != PatternKind::regex)
        return false;
    std::string_view inside;
    std::string_view behind;
    if (!find_group(text_, captures_[capture], inside, behind))
        return false;
    if (behind.starts_with('?') || behind.starts_with('*') || behind.starts_with("{0"))
        return true;
    const RE2 alone(piece(inside), regex_options(field_));
    return alone.ok() && RE2::FullMatch("", alone);
}

bool glob_matches(Family how, const PatternParts & pattern, const ValueComponents & value, Captured * captured)
{
    size_t captures = 0;
    const auto component_matches = [&](size_t in_pattern, size_t in_value)
    {
        const std::string_view text = value[in_value];
        switch (pattern.kind(in_pattern))
        {
        case PartKind::literal:
            return text == pattern.text(in_pattern);
        case PartKind::capture:
            if (captured != nullptr)
                (*captured)[captures++] = text;
            return wildcard_can_be(how, in_value, text);
        case PartKind::wild:
            return wildcard_can_be(how, in_value, text);
        case PartKind::partial:
        case PartKind::rest: // never comes here
            break;
        }
        const std::string_view prefix = pattern.prefix(in_pattern);
        const std::string_view suffix = pattern.suffix(in_pattern);
        const size_t fixed = prefix.size() + suffix.size();
        if (text.size() <= fixed || !text.starts_with(prefix) || !text.ends_with(suffix))
            return false;
        return wildcard_can_be(how, in_value, text.substr(prefix.size(), text.size() - fixed));
    };

    size_t front = 0;
    for (; front < pattern.size() && pattern.kind(front) != PartKind::rest; ++front)
        if (front >= value.size() || !component_matches(front, front))
            return false;
    if (front == pattern.size())
        return value.size() == pattern.size();

    const size_t back = pattern.size() - front - 1;
    if (value.size() < front + back)
        return false;
    for (size_t i = front; i < value.size() - back; ++i)
        if (value[i].empty())
            return false;
    for (size_t i = 0; i < back; ++i)
        if (!component_matches(front + 1 + i, value.size() - back + i))
            return false;
    return true;
}

bool Pattern::matches(std::string_view value, Captured * captured) const
{
    if (kind_ == PatternKind::exact)
        return value == text_;
    if (kind_ == PatternKind::glob)
    {
        PatternParts in_pattern;
        ValueComponents in_value;
        const Family how = family(field_);
        return in_pattern.read(how, text_) && in_value.split(how, value) && glob_matches(how, in_pattern, in_value, captured);
    }
    std::array<re2::StringPiece, max_regex_groups + 1> groups;
    const int wanted = captured == nullptr || groups_.empty() ? 0 : groups_.back() + 1;
    if (!regex_->Match(piece(value), 0, value.size(), RE2::ANCHOR_BOTH, groups.data(), wanted))
        return false;
    if (captured != nullptr)
        for (size_t i = 0; i < groups_.size(); ++i)
        {
            const auto & group = groups[static_cast<size_t>(groups_[i])];
            (*captured)[i] = {group.data(), group.size()};
        }
    return true;
}

}
