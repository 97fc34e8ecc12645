#pragma once

// Rules with their patterns and templates compiled, and the evaluation of one rule. Knows no index.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/pattern.h"
#include "mapping/rule.h"
#include "mapping/user_template.h"
#include "mapping/values.h"
#include "mapping/work.h"

namespace chmtls::mapping
{

/// What one rule makes of one certificate. A rule with captures can yield several users, because a certificate can have several
/// names that match.
struct Yield
{
    bool matched = false;
    bool invalid = false; ///< one of the results is no valid user name
    bool asked = false;   ///< one of the results is the user asked for
    bool has_user = false;
    std::string user;                ///< the first result
    std::vector<std::string> others; ///< further, different results, in the order of the certificate; at most max_others

    static constexpr size_t max_others = 15;
    void add(std::string_view result, std::optional<std::string_view> asked_for);
};

class CompiledRules
{
public:
    /// All findings at once.
    [[nodiscard]] static Checked<CompiledRules> compile(std::vector<RuleText> rules);

    [[nodiscard]] const std::vector<RuleText> & texts() const { return texts_; }
    [[nodiscard]] size_t size() const { return texts_.size(); }
    [[nodiscard]] const std::vector<Pattern> & patterns() const { return patterns_; }
    [[nodiscard]] FieldMask fields() const { return fields_; }

    /// Indexes into patterns(). A pattern that several rules use exists once.
    [[nodiscard]] std::span<const uint32_t> patterns_of(uint32_t rule) const
    {
        return {&rule_patterns_[rules_[rule].first_pattern], rules_[rule].patterns};
    }

    [[nodiscard]] std::string_view name(uint32_t rule) const { return texts_[rule].name; }

    /// Has the rule one pattern and no captures? Then it matches where its pattern does, and always yields the user as written.
    [[nodiscard]] bool is_direct(uint32_t rule) const { return rules_[rule].detail == 0; }

    /// Can the rule be looked at for such a certificate at all? An SVID's trust domain vouches for its ID alone.
    [[nodiscard]] bool applies(uint32_t rule, const Values & values) const
    {
        return values.trust_domain().empty() || rules_[rule].tells_domains_apart;
    }

    /// Not 0: the rule has one pattern, exact or glob, so that a match of the pattern is all that is needed to evaluate it.
    [[nodiscard]] uint32_t detail_for_hits(uint32_t rule) const { return rules_[rule].by_hit ? rules_[rule].detail : 0; }

    /// Adds what such a rule makes of one match, given what its pattern has captured.
    void evaluate_hit(uint32_t detail, const Captured & captured, std::optional<std::string_view> asked, Yield & yield) const;

    /// Tries every matcher of a rule that applies against every value. Incomplete when the budget runs out.
    [[nodiscard]] Yield
    evaluate(uint32_t rule, const Values & values, std::optional<std::string_view> asked, Budget & budget) const;

    /// For a person: the first matcher that does not match and what it looked at, or all and what they matched.
    struct Description
    {
        bool each_matches = false;
        std::string text;
    };
    [[nodiscard]] Description describe(uint32_t rule, const Values & values, Budget & budget) const;

private:
    class Compiler;
    class Evaluation;

    struct Rule
    {
        uint32_t first_pattern = 0; ///< index into rule_patterns_
        uint32_t detail = 0;        ///< index into details_; 0: direct
        uint16_t patterns = 0;
        bool by_hit = false;
        bool tells_domains_apart = false;
    };

    /// Shared by all rules with the same template over the same captures.
    struct Details
    {
        UserTemplate user;
        std::vector<std::vector<uint8_t>> captures; ///< for each pattern: which of the rule's captures its own ones are
    };

    std::vector<RuleText> texts_;
    std::vector<Pattern> patterns_;
    std::vector<uint32_t> rule_patterns_;
    std::vector<Rule> rules_;
    std::vector<Details> details_;
    FieldMask fields_;
};

}
