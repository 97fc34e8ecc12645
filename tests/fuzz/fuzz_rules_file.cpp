// Any rules file that compiles decides as its rules do one by one.

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
    for (const auto & trace : rules.explain(subject, at))
        if (trace.matched)
            users.insert(trace.user);
    const auto decision = rules.decide(subject, std::nullopt, at);
    if (decision.accepted())
        fuzz::require(users.size() == 1 && users.contains(decision.user));
    if (decision.reason == Reason::no_rule || decision.reason == Reason::rule_time)
        fuzz::require(users.empty());
    for (const auto & user : users)
        if (mapping::valid_user_name(user))
            fuzz::require(rules.decide(subject, user, at).accepted());
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    auto texts = mapping::parse_rules_file(fuzz::text_of(data, size), "fuzz");
    if (!texts)
        return 0;
    const auto rules = mapping::RuleSet::compile(std::move(*texts));
    if (!rules)
        return 0;
    const auto & made = fuzz::test_pki();
    compare(**rules, {.facts = made.leaf.certificate.facts(), .spiffe_id = {}, .trust_domain = {}, .issuer_spki_sha256 = {}});
    compare(
        **rules, {.facts = made.svid.certificate.facts(),
                  .spiffe_id = "spiffe://example.org/ns/prod/sa/api",
                  .trust_domain = "example.org",
                  .issuer_spki_sha256 = made.root.certificate.facts().spki_sha256});
    return 0;
}
