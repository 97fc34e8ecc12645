#pragma once

// Rules that say who a peer is, and no more: cluster nodes, Keeper servers.

#include <memory>
#include <string>
#include <vector>

#include "mapping/rule_set.h"

namespace chmtls::mapping
{

/// Immutable, thread-safe; matching costs what it costs in a RuleSet, which this is but for the user.
class PeerRules
{
public:
    /// As RuleSet::compile; the rules' users are not looked at.
    [[nodiscard]] static Checked<std::shared_ptr<const PeerRules>> compile(std::vector<RuleText> rules);

    struct Match
    {
        Reason reason = Reason::no_rule; ///< valid, no_rule, resource
        std::string rule;                ///< the first that matches, when valid
        std::string message;             ///< why not, for a person

        [[nodiscard]] bool matched() const { return reason == Reason::valid; }
    };
    [[nodiscard]] Match match(const Subject & subject) const;

    /// Every rule in order; the traces' users are empty.
    [[nodiscard]] std::vector<RuleTrace> explain(const Subject & subject) const;

    [[nodiscard]] const std::vector<RuleText> & rules() const { return rules_->rules(); }
    /// "'cluster', 'spare'", the first few: for messages.
    [[nodiscard]] std::string names() const;

private:
    explicit PeerRules(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)) {}

    std::shared_ptr<const RuleSet> rules_;
};

}
