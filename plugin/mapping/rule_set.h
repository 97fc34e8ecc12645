#pragma once

// Rules compiled into an index: certificate -> user.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/reason.h"
#include "mapping/rule.h"
#include "mapping/subject.h"

namespace chmtls::mapping
{

/// The answer to "may this certificate log in, and as whom".
struct Decision
{
    Reason reason = Reason::no_rule; ///< valid, no_rule, rule_time, ambiguous, other_user, resource
    std::string user;                ///< when valid
    std::string rule;                ///< name of the rule that decided, when valid
    std::string message;             ///< for a person; names both rules when ambiguous
    RuleTerms terms{};               ///< of the rule that decided

    [[nodiscard]] bool accepted() const { return reason == Reason::valid; }
};

/// One rule's part in an explanation.
struct RuleTrace
{
    std::string rule;
    std::string source;
    bool matched = false;
    std::string user;          ///< what it yields, when matched; empty when that is no valid user name
    std::string detail;        ///< the first matcher that failed, with the values it looked at; or what matched
    bool invalid_user = false; ///< matched, and something that it captures gives no valid user name
};

/// Immutable, thread-safe. Matching costs no more than a few hash lookups however many exact and wildcard rules there are; regex
/// rules share one automaton per field. A certificate with more than 4096 names or 256 KiB of them, or one whose names lead to
/// more than 2^17 steps of work, is refused with Reason::resource.
class RuleSet
{
public:
    /// Refused, all findings at once: unknown field, no matcher, bad pattern, unknown capture in the template, a template that
    /// can be empty or give an invalid user, a rule name twice, the same matchers twice.
    [[nodiscard]] static Checked<std::shared_ptr<const RuleSet>> compile(std::vector<RuleText> rules);

    ~RuleSet();
    [[nodiscard]] size_t size() const;
    [[nodiscard]] const std::vector<RuleText> & rules() const;

    /// `asked`: the user the peer named; one matching rule must yield exactly that one (the first such rule is named), else
    /// other_user, or no_rule when none matches. Nothing: all matching rules, and all matching values of a rule with captures,
    /// must yield one user, else ambiguous; a rule that matches but yields no valid user name refuses (no_rule, and names the
    /// rule). A rule outside its time counts as one that does not match (rule_time when there is no other). Among rules that
    /// yield the same user, those that want no password come first.
    [[nodiscard]] Decision decide(const Subject & subject, std::optional<std::string_view> asked, UnixTime now) const;

    /// The same decision, made by trying every rule in turn: what decide() is tested and measured against.
    [[nodiscard]] Decision decide_one_by_one(const Subject & subject, std::optional<std::string_view> asked, UnixTime now) const;

    /// Every rule in order, evaluated one by one without the index.
    [[nodiscard]] std::vector<RuleTrace> explain(const Subject & subject, UnixTime now) const;

    /// Does a rule give this user to a certificate together with the user's password?
    [[nodiscard]] bool wants_password(std::string_view user) const;
    /// The user of such a rule; nothing when no rule of this name wants a password.
    [[nodiscard]] std::optional<std::string_view> user_of_password_rule(std::string_view rule) const;

private:
    class Impl;
    explicit RuleSet(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A ClickHouse user name that we are willing to log in: not empty, UTF-8, no control characters, at most 256 bytes.
[[nodiscard]] bool valid_user_name(std::string_view user);

}
