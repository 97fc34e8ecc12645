#include "config/rule_terms.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/time.h"
#include "config/limits_section.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 4> term_keys{"valid_from", "valid_until", "max_session", "password"};
constexpr std::array<std::string_view, 1> password_words{"required"};

std::optional<UnixTime> read_time(Section & rule, std::string_view key)
{
    const std::optional<std::string> value = rule.text(key);
    if (!value)
        return std::nullopt;
    if (const auto time = parse_rfc3339(*value))
        return *time;
    rule.refuse(
        key, fmt::format("\"{}\" is no date and time", printable(*value)), "write RFC 3339, for example 2026-01-31T12:00:00Z");
    return std::nullopt;
}

}

bool is_rule_term(std::string_view key)
{
    return std::find(term_keys.begin(), term_keys.end(), key) != term_keys.end();
}

RuleTerms read_rule_terms(Section & rule)
{
    RuleTerms terms;
    terms.valid_from = read_time(rule, "valid_from");
    terms.valid_until = read_time(rule, "valid_until");
    terms.max_session = read_duration(rule, "max_session");
    terms.password_required = rule.word("password", password_words).has_value();
    return terms;
}

}
