#include "mapping/peer_rules.h"

#include "mapping/text.h"

namespace chmtls::mapping
{

namespace
{

/// What every rule yields, so that a rule set's answer for it is whether any rule matches. No ClickHouse user is meant.
constexpr std::string_view one_of_them = "peer";
/// Rules for peers have no terms, so the moment does not matter.
constexpr UnixTime whenever{};
constexpr size_t max_shown = 8;

}

Checked<std::shared_ptr<const PeerRules>> PeerRules::compile(std::vector<RuleText> rules)
{
    for (RuleText & rule : rules)
        rule.user = one_of_them;
    auto compiled = RuleSet::compile(std::move(rules));
    if (!compiled)
        return tl::unexpected(std::move(compiled.error()));
    return std::shared_ptr<const PeerRules>(new PeerRules(std::move(*compiled)));
}

PeerRules::Match PeerRules::match(const Subject & subject) const
{
    auto decision = rules_->decide(subject, one_of_them, whenever);
    return {decision.reason, std::move(decision.rule), std::move(decision.message)};
}

std::vector<RuleTrace> PeerRules::explain(const Subject & subject) const
{
    auto traces = rules_->explain(subject, whenever);
    for (RuleTrace & trace : traces)
        trace.user.clear();
    return traces;
}

std::string PeerRules::names() const
{
    std::vector<std::string> shown;
    for (const RuleText & rule : rules())
    {
        if (shown.size() == max_shown)
        {
            shown.emplace_back("...");
            break;
        }
        shown.push_back(in_quotes(rule.name));
    }
    return listed(shown);
}

}
