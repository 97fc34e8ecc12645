// Any rules file that compiles decides as its rules do one by one, and in whatever order they stand.

#include <algorithm>
#include <set>

#include "mapping/rule_set.h"
#include "seeds.h"
#include "target.h"

using namespace chmtls;

namespace
{

constexpr UnixTime at{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

void compare(const mapping::RuleSet & rules, const mapping::Subject & subject)
{
    std::set<std::string> users;
    bool invalid_user = false;
    for (const auto & trace : rules.explain(subject, at))
    {
        if (trace.matched && !trace.user.empty())
            users.insert(trace.user);
        invalid_user = invalid_user || trace.invalid_user;
    }
    const auto decision = rules.decide(subject, std::nullopt, at);
    if (decision.accepted())
        fuzz::require(!invalid_user && users.size() == 1 && users.contains(decision.user));
    if (decision.reason == Reason::no_rule)
        fuzz::require(invalid_user || users.empty());
    if (decision.reason == Reason::rule_time)
        fuzz::require(!invalid_user && users.empty());
    for (const auto & user : users)
        fuzz::require(rules.decide(subject, user, at).accepted());

    const auto naive = rules.decide_one_by_one(subject, std::nullopt, at);
    fuzz::require(decision.reason == naive.reason && decision.user == naive.user && decision.rule == naive.rule);
}

void require_same_for_other_order(
    const mapping::RuleSet & rules, const mapping::RuleSet & other, const mapping::Subject & subject)
{
    const auto one = rules.decide(subject, std::nullopt, at);
    const auto two = other.decide(subject, std::nullopt, at);
    fuzz::require(one.accepted() == two.accepted() && one.user == two.user && one.terms.password == two.terms.password);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    auto texts = mapping::parse_rules_file(fuzz::text_of(data, size), "fuzz");
    if (!texts)
        return 0;
    auto turned = *texts;
    std::ranges::reverse(turned);
    const auto rules = mapping::RuleSet::compile(std::move(*texts));
    const auto turned_rules = mapping::RuleSet::compile(std::move(turned));
    fuzz::require(rules.has_value() == turned_rules.has_value());
    if (!rules)
        return 0;
    const auto & made = fuzz::test_pki();
    const mapping::Subject leaf{
        .facts = made.leaf.certificate.facts(), .spiffe_id = {}, .trust_domain = {}, .issuer_spki_sha256 = {}};
    const mapping::Subject svid{
        .facts = made.svid.certificate.facts(),
        .spiffe_id = "spiffe://example.org/ns/prod/sa/api",
        .trust_domain = "example.org",
        .issuer_spki_sha256 = made.root.certificate.facts().spki_sha256};
    for (const auto * subject : {&leaf, &svid})
    {
        compare(**rules, *subject);
        require_same_for_other_order(**rules, **turned_rules, *subject);
    }
    return 0;
}
