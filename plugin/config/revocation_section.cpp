#include "config/revocation_section.h"

#include <array>
#include <set>

#include <fmt/format.h>

#include "base/distinguished_name.h"
#include "config/limits_section.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 3> policy_words{"off", "if_present", "require"};
constexpr std::array<std::string_view, 2> stale_words{"closed", "open"};

RevocationRule read_rule(Section & section, RevocationRule rule)
{
    if (const auto policy = section.word("policy", policy_words))
        rule.policy = static_cast<RevocationPolicy>(*policy);
    if (const auto grace = read_duration(section, "grace", std::chrono::seconds(0)))
        rule.grace = *grace;
    if (const auto stale = section.word("stale", stale_words))
        rule.stale = static_cast<StaleList>(*stale);
    return rule;
}

/// In the one form that certificates' names are printed in; empty: there is none that can be used.
std::string read_subject(Section & authority)
{
    const std::string written = authority.text("subject").value_or("");
    if (written.empty())
        return {};
    auto subject = normal_distinguished_name(written);
    if (!subject)
        authority.refuse(
            "subject", fmt::format("\"{}\" is no distinguished name", printable(written)),
            "write it as RFC 4514 does, such as CN=Issuing CA,O=Example, with a backslash before each of , + \" \\ < > ; in a "
            "value");
    return subject.value_or("");
}

}

RevocationSection read_revocation(Section & parent, const RevocationSection & inherited, Findings & findings)
{
    RevocationSection result = inherited;
    const Element * element = parent.child("revocation");
    if (!element)
        return result;
    Section section(*element, parent.key_path("revocation", 0, 1), findings);
    result.rule = read_rule(section, result.rule);
    if (const auto warn_before = read_duration(section, "warn_before", std::chrono::seconds(0)))
        result.warn_before = *warn_before;
    const std::vector<const Element *> authorities = section.children("authority");
    std::set<std::string> seen;
    for (size_t i = 0; i < authorities.size(); ++i)
    {
        Section authority(*authorities[i], section.key_path("authority", i, authorities.size()), findings);
        const std::string subject = read_subject(authority);
        const RevocationRule rule = read_rule(authority, result.rule);
        if (!authorities[i]->find("subject"))
            authority.refuse("", "no <subject>", "name the authority by its subject, such as CN=Issuing CA,O=Example");
        if (!subject.empty() && !seen.insert(subject).second)
            authority.refuse(
                "subject", fmt::format("authority \"{}\" is given twice", printable(subject)), "name each authority once");
        authority.refuse_unknown();
        if (!subject.empty())
            result.authorities.insert_or_assign(subject, rule);
    }
    section.refuse_unknown();
    return result;
}

}
