#include "config/rule_section.h"

#include <set>

#include <fmt/format.h>

#include "config/rule_terms.h"

namespace chmtls::config
{

namespace
{

void read_user(Section & section, const Element & element, RuleKind kind, Rule & rule)
{
    if (kind == RuleKind::yields_user)
    {
        rule.user = section.text("user").value_or("");
        if (!element.find("user"))
            section.refuse("", "no <user>", "say which user the rule yields");
        return;
    }
    section.ignore("user");
    if (element.find("user"))
        section.refuse(
            "user", "this rule says who a peer is and yields no user",
            "remove it; the users that nodes may log in as stand in mtls.nodes.acts_as");
}

}

std::optional<Rule> read_rule(const Element & element, const std::string & path, RuleKind kind, Findings & findings)
{
    Section section(element, path, findings);
    Rule rule;
    rule.name = section.text("name").value_or("");
    rule.source = fmt::format("{}: {}", at_line(findings.source(), element.line), path);
    std::set<std::string> fields;
    for (const Element & child : element.children)
        if (child.name != "name" && child.name != "user" && !(kind == RuleKind::yields_user && is_rule_term(child.name))
            && fields.insert(child.name).second)
            for (std::string & pattern : section.texts(child.name))
                rule.matchers.push_back({child.name, std::move(pattern)});
    if (!element.find("name"))
        section.refuse("", "no <name>", "name the rule; decisions and logs refer to it");
    read_user(section, element, kind, rule);
    if (kind == RuleKind::yields_user)
        rule.terms = read_rule_terms(section);
    if (fields.empty())
        section.refuse("", "no matcher: it would match every certificate", "add for instance <common_name> or <dns>");
    section.refuse_unknown();
    if (rule.name.empty() || rule.matchers.empty() || (kind == RuleKind::yields_user && rule.user.empty()))
        return std::nullopt;
    return rule;
}

}
