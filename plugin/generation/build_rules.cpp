#include "generation/build_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/host_name.h"
#include "generation/findings.h"
#include "spiffe/id.h"

namespace chmtls::generation
{

namespace
{

void add_expectation(const config::Expectation & expectation, Peers & peers, Errors & errors)
{
    const auto id = spiffe::Id::parse(expectation.spiffe_id);
    if (!id)
    {
        errors.push_back(
            {expectation.source, "spiffe_id",
             fmt::format("\"{}\" is no SPIFFE ID: {}", printable(expectation.spiffe_id), spiffe::message(id.error())),
             "write one such as spiffe://example.org/clickhouse/one", std::string(spiffe::code(id.error()))});
        return;
    }
    const auto [found, is_new] = peers.expected.emplace(config::normal_host(expectation.host), id->text());
    if (!is_new)
        errors.push_back(
            {expectation.source, "host",
             fmt::format("{} is expected to be {} already", printable(expectation.host), printable(found->second)),
             "name each host once", ""});
}

}

mapping::RuleText rule_text(const config::Rule & rule, Errors & errors)
{
    mapping::RuleText text{rule.name, {}, rule.user, rule.source};
    text.terms
        = {rule.terms.valid_from, rule.terms.valid_until, rule.terms.max_session,
           rule.terms.password_required ? mapping::PasswordNeed::required : mapping::PasswordNeed::none};
    for (const config::Matcher & matcher : rule.matchers)
    {
        if (const auto field = mapping::parse_field(matcher.field))
            text.matchers.push_back({*field, matcher.pattern});
        else
            errors.push_back(
                {rule.source, printable(matcher.field), field.error().reason, field.error().remedy, field.error().code});
    }
    return text;
}

std::shared_ptr<Peers> build_peers(const config::PeerSection & asked, const std::string & section, Errors & errors)
{
    const size_t before = errors.size();
    auto peers = std::make_shared<Peers>();
    for (const config::Expectation & expectation : asked.expected)
        add_expectation(expectation, *peers, errors);
    std::vector<mapping::RuleText> rules;
    for (const config::Rule & rule : asked.rules)
        rules.push_back(rule_text(rule, errors));
    if (errors.size() > before)
        return nullptr;
    if (rules.empty())
        return peers;
    auto compiled = mapping::PeerRules::compile(std::move(rules));
    if (!compiled)
    {
        append(errors, std::move(compiled.error()), section);
        return nullptr;
    }
    peers->rules = std::move(*compiled);
    return peers;
}

bool looks_at_spiffe(const std::vector<mapping::RuleText> & rules)
{
    const auto at_spiffe = [](const mapping::MatcherText & matcher)
    {
        return matcher.field == mapping::Field::spiffe_id || matcher.field == mapping::Field::trust_domain;
    };
    return std::any_of(
        rules.begin(), rules.end(),
        [&](const mapping::RuleText & rule) { return std::any_of(rule.matchers.begin(), rule.matchers.end(), at_spiffe); });
}

}
