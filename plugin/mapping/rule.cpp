#include "mapping/rule.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "base/ascii.h"
#include "base/utf8.h"
#include "mapping/text.h"
#include "mapping/values.h"

namespace chmtls::mapping
{

namespace
{

constexpr std::array<std::string_view, field_count> field_names
    = {"common_name",        "dns",   "uri", "email", "spiffe_id", "trust_domain", "subject", "issuer", "issuer_spki_sha256",
       "fingerprint_sha256", "serial"};

constexpr std::array<std::string_view, 4> term_names{"valid_from", "valid_until", "max_session", "password"};

constexpr size_t max_line = 64u << 10;
constexpr size_t max_errors = 1000;

bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

bool is_bare_character(char c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '#';
}

std::optional<unsigned> hex_digit(char c)
{
    const char low = ascii_lower(c);
    if (low >= '0' && low <= '9')
        return static_cast<unsigned>(low - '0');
    if (low >= 'a' && low <= 'f')
        return static_cast<unsigned>(low - 'a' + 10);
    return std::nullopt;
}

/// Reads the tokens of one line. Every error names the column.
class LineReader
{
public:
    LineReader(std::string_view line, const std::string & source) : line_(line), source_(source) {}

    Result<RuleText> read()
    {
        RuleText rule;
        rule.source = source_;
        skip_blanks();
        auto name = token("the rule's name", is_name_character);
        if (!name)
            return fail(std::move(name.error()));
        rule.name = std::move(*name);
        skip_blanks();
        if (!take(":"))
            return refuse("':' expected behind the rule's name", "write name: field=\"pattern\" -> \"user\"");
        skip_blanks();
        while (!take("->"))
        {
            auto matcher = read_matcher();
            if (!matcher)
                return fail(std::move(matcher.error()));
            rule.matchers.push_back(std::move(*matcher));
            skip_blanks();
        }
        skip_blanks();
        auto user = token("the user", is_bare_character);
        if (!user)
            return fail(std::move(user.error()));
        rule.user = std::move(*user);
        for (skip_blanks(); !at_end() && line_[at_] != '#'; skip_blanks())
            if (auto read = read_term(rule.terms); !read)
                return fail(std::move(read.error()));
        return rule;
    }

private:
    Result<MatcherText> read_matcher()
    {
        const size_t begin = at_;
        while (!at_end() && is_name_character(line_[at_]))
            ++at_;
        const std::string_view word = line_.substr(begin, at_ - begin);
        if (word.empty())
            return refuse("a field or '->' expected", "write name: field=\"pattern\" -> \"user\"");
        auto field = parse_field(word);
        if (!field)
        {
            at_ = begin;
            return refuse(field.error().reason, field.error().remedy);
        }
        skip_blanks();
        if (!take("="))
            return refuse("'=' expected behind " + in_quotes(word), "write field=\"pattern\"");
        skip_blanks();
        auto pattern = token("a pattern", is_bare_character);
        if (!pattern)
            return fail(std::move(pattern.error()));
        return MatcherText{*field, std::move(*pattern)};
    }

    Result<void> read_term(RuleTerms & terms)
    {
        const size_t begin = at_;
        while (!at_end() && is_name_character(line_[at_]))
            ++at_;
        const std::string_view word = line_.substr(begin, at_ - begin);
        skip_blanks();
        const bool known = std::find(term_names.begin(), term_names.end(), word) != term_names.end();
        if (!known || !take("="))
        {
            at_ = begin;
            return refuse(
                "text behind the user that is no term",
                "quote a user with blanks; start a comment with '#'; terms are " + listed(term_names) + ", with '='");
        }
        skip_blanks();
        const auto value = token("a value", is_bare_character);
        if (!value)
            return fail(value.error());
        if (const std::string defect = set_term(terms, word, *value); !defect.empty())
        {
            at_ = begin;
            return refuse(std::string(word) + " " + defect, "see the notation of rules files");
        }
        return {};
    }

    /// What is wrong with it; empty: nothing.
    static std::string set_term(RuleTerms & terms, std::string_view word, const std::string & value)
    {
        const bool given = word == "valid_from"    ? terms.valid_from.has_value()
                           : word == "valid_until" ? terms.valid_until.has_value()
                           : word == "max_session" ? terms.max_session.has_value()
                                                   : terms.password == PasswordNeed::required;
        if (given)
            return "is given twice";
        if (word == "password")
        {
            terms.password = PasswordNeed::required;
            return value == "required" ? std::string() : in_quotes(value) + " is not 'required'";
        }
        if (word == "max_session")
        {
            const auto duration = parse_duration(value);
            if (!duration || duration->count() <= 0)
                return in_quotes(value) + " is no length of time";
            terms.max_session = *duration;
            return {};
        }
        // The year 10000 can be reached by an offset, and not be written again.
        const auto time = parse_rfc3339(value);
        if (!time || parse_rfc3339(format_rfc3339(*time)).value_or(UnixTime::max()) != *time)
            return in_quotes(value) + " is no date and time";
        (word == "valid_from" ? terms.valid_from : terms.valid_until) = *time;
        return {};
    }

    template <typename Allowed>
    Result<std::string> token(const std::string & what, Allowed allowed)
    {
        if (take("\""))
            return double_quoted();
        if (take("'"))
            return single_quoted();
        const size_t begin = at_;
        while (!at_end() && allowed(line_[at_]))
            ++at_;
        if (line_.substr(begin, at_ - begin) == "->")
            at_ = begin;
        if (at_ == begin)
            return refuse(what + " expected", "put it into quotes unless it is a plain word");
        return std::string(line_.substr(begin, at_ - begin));
    }

    Result<std::string> single_quoted()
    {
        const size_t close = line_.find('\'', at_);
        if (close == std::string_view::npos)
            return refuse("the quote is not closed", "add the closing ' on the same line");
        std::string text(line_.substr(at_, close - at_));
        at_ = close + 1;
        return text;
    }

    Result<std::string> double_quoted()
    {
        const size_t opening = at_ - 1;
        std::string text;
        while (!at_end())
        {
            const char c = line_[at_++];
            if (c == '"')
                return text;
            if (c != '\\')
            {
                text += c;
                continue;
            }
            const auto escaped = escape();
            if (!escaped)
                return refuse("an escape that is none", R"(write \" \\ \t \n \r or \xNN; in '...' a backslash is itself)");
            text += *escaped;
        }
        at_ = opening;
        return refuse("the quote is not closed", "add the closing \" on the same line");
    }

    std::optional<char> escape()
    {
        if (at_end())
            return std::nullopt;
        const char c = line_[at_++];
        switch (c)
        {
        case '"':
        case '\\':
            return c;
        case 't':
            return '\t';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 'x':
            break;
        default:
            return std::nullopt;
        }
        if (line_.size() - at_ < 2)
            return std::nullopt;
        const auto high = hex_digit(line_[at_]);
        const auto low = hex_digit(line_[at_ + 1]);
        if (!high || !low)
            return std::nullopt;
        at_ += 2;
        return static_cast<char>(*high << 4 | *low);
    }

    [[nodiscard]] tl::unexpected<Error> refuse(std::string reason, std::string remedy) const
    {
        return fail({source_, "column " + std::to_string(at_ + 1), std::move(reason), std::move(remedy), {}});
    }

    bool take(std::string_view text)
    {
        if (!line_.substr(at_).starts_with(text))
            return false;
        at_ += text.size();
        return true;
    }

    void skip_blanks()
    {
        while (!at_end() && is_blank(line_[at_]))
            ++at_;
    }

    [[nodiscard]] bool at_end() const { return at_ >= line_.size(); }

    std::string_view line_;
    const std::string & source_;
    size_t at_ = 0;
};

std::string quoted(std::string_view text)
{
    const bool plain
        = text.find('\'') == std::string_view::npos
          && std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
    if (plain && text.find_first_of("\\\"") != std::string_view::npos)
        return fmt::format("'{}'", text);
    std::string out = "\"";
    for (const char c : text)
    {
        constexpr std::string_view digits = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (byte < 0x20 || byte == 0x7f)
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 0x0fu]};
        else
            out += c;
    }
    return out + '"';
}

std::string_view trimmed(std::string_view line)
{
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    while (!line.empty() && is_blank(line.front()))
        line.remove_prefix(1);
    return line;
}

}

std::string_view name(Field field)
{
    return field_names[static_cast<size_t>(field)];
}

Result<Field> parse_field(std::string_view text)
{
    const auto found = std::find(field_names.begin(), field_names.end(), text);
    if (found != field_names.end())
        return static_cast<Field>(found - field_names.begin());
    return fail({{}, printable(text), in_quotes(text) + " is no field of a certificate", "one of " + listed(field_names), {}});
}

bool tells_domains_apart(const RuleText & rule)
{
    return std::any_of(
        rule.matchers.begin(), rule.matchers.end(),
        [](const MatcherText & matcher)
        {
            switch (matcher.field)
            {
            case Field::spiffe_id:
            case Field::trust_domain:
            case Field::issuer_spki_sha256:
            case Field::fingerprint_sha256:
                return true;
            case Field::uri:
                return begins_as_id(matcher.pattern);
            default:
                return false;
            }
        });
}

std::string describe_window(const RuleTerms & terms)
{
    std::string text;
    if (terms.valid_from)
        text = "from " + format_rfc3339(*terms.valid_from);
    if (terms.valid_until)
        text += (text.empty() ? "until " : " until ") + format_rfc3339(*terms.valid_until);
    return text.empty() ? "always" : text;
}

Result<RuleText> parse_rule_line(std::string_view line, const std::string & source)
{
    if (line.size() > max_line)
        return fail({source, {}, "the line is longer than 64 KiB", "split the rule", {}});
    if (line.find('\0') != std::string_view::npos)
        return fail({source, {}, "the line holds a NUL byte", "a rules file is plain text", {}});
    return LineReader(line, source).read();
}

std::string print_rule_line(const RuleText & rule)
{
    const bool bare = !rule.name.empty() && std::all_of(rule.name.begin(), rule.name.end(), is_name_character);
    std::string out = (bare ? rule.name : quoted(rule.name)) + ":";
    for (const MatcherText & matcher : rule.matchers)
        out += fmt::format(" {}={}", name(matcher.field), quoted(matcher.pattern));
    out += " -> " + quoted(rule.user);
    const RuleTerms & terms = rule.terms;
    if (terms.valid_from)
        out += " valid_from=" + format_rfc3339(*terms.valid_from);
    if (terms.valid_until)
        out += " valid_until=" + format_rfc3339(*terms.valid_until);
    if (terms.max_session)
        out += fmt::format(" max_session={}s", terms.max_session->count());
    if (terms.password == PasswordNeed::required)
        out += " password=required";
    return out;
}

Checked<std::vector<RuleText>> parse_rules_file(std::string_view text, const std::string & path)
{
    text = without_byte_order_mark(text);
    std::vector<RuleText> rules;
    Errors errors;
    size_t more_errors = 0;
    for (size_t number = 1; !text.empty(); ++number)
    {
        const size_t end = text.find('\n');
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (end == std::string_view::npos && !line.empty())
        {
            // What is missing may be `password=required`; and the rules behind it.
            errors.push_back(
                {path + ":" + std::to_string(number),
                 {},
                 "the last line has no line end, so it may be half a line",
                 "end the last line (in a ConfigMap: `|` instead of `|-`)",
                 {}});
            break;
        }
        if (line.empty() || line.front() == '#')
            continue;
        auto rule = parse_rule_line(line, path + ":" + std::to_string(number));
        if (rule)
            rules.push_back(std::move(*rule));
        else if (errors.size() < max_errors)
            errors.push_back(std::move(rule.error()));
        else
            ++more_errors;
    }
    if (more_errors > 0)
        errors.push_back(
            {path, {}, "has " + std::to_string(more_errors) + " more lines that are no rules", "is this the right file?", {}});
    if (!errors.empty())
        return tl::unexpected<Errors>(std::move(errors));
    return rules;
}

}
