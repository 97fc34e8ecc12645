#include "mapping/rule_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "mapping/compiled_rules.h"
#include "mapping/pattern_index.h"
#include "mapping/text.h"

namespace chmtls::mapping
{

namespace
{

Decision refusal(Reason reason, std::string message)
{
    Decision decision;
    decision.reason = reason;
    decision.message = std::move(message);
    return decision;
}

Decision grant(std::string_view user, std::string_view rule, const RuleTerms * terms)
{
    Decision decision;
    decision.reason = Reason::valid;
    decision.user = user;
    decision.rule = rule;
    if (terms)
        decision.terms = *terms;
    return decision;
}

Decision too_much(const Values & values)
{
    if (values.too_many())
        return refusal(
            Reason::resource, "the certificate has more than " + std::to_string(max_names) + " names, or names of more than "
                                  + std::to_string(max_name_bytes / 1024) + " KiB");
    return refusal(Reason::resource, "the certificate's names match too many rules to decide in bounded time");
}

/// Which of a rule's patterns leads to the rule in the index: the one that leads to the fewest others as well.
uint32_t
most_selective(std::span<const uint32_t> candidates, const std::vector<Pattern> & patterns, const std::vector<uint32_t> & uses)
{
    const auto cost = [&](uint32_t number)
    {
        // An automaton is dearer than a hash lookup, but cheaper than checking very many rules.
        constexpr uint64_t regex_penalty = 16;
        const PatternKind kind = patterns[number].kind();
        const uint64_t weight = kind == PatternKind::regex ? regex_penalty : 1;
        return std::pair(uses[number] * weight, kind);
    };
    return *std::min_element(
        candidates.begin(), candidates.end(), [&](uint32_t left, uint32_t right) { return cost(left) < cost(right); });
}

/// Judges rules in ascending order, as many as it takes.
class Judge
{
public:
    Judge(std::optional<std::string_view> asked, UnixTime now) : asked_(asked), now_(now) {}

    /// A rule that matches and yields this user. True: decided. `terms`: null for a rule without any.
    bool see_user(std::string_view rule, std::string_view user, const RuleTerms * terms)
    {
        if (!holds(rule, terms))
            return false;
        if (asked_)
        {
            if (user == *asked_)
                return accept(rule, terms);
            remember(rule, user, terms);
            return false;
        }
        if (!seen_)
        {
            remember(rule, user, terms);
            return false;
        }
        if (user != user_)
            return decide(ambiguous(rule, user));
        if (wants_password(terms_) && !wants_password(terms))
        {
            rule_ = rule;
            terms_ = terms;
        }
        return false;
    }

    bool see(std::string_view rule, const Yield & yield, const RuleTerms * terms)
    {
        if (!yield.matched || !holds(rule, terms))
            return false;
        if (asked_)
        {
            if (yield.asked)
                return accept(rule, terms);
            remember(rule, yield.user, terms);
            return false;
        }
        if (yield.invalid)
            return decide(refusal(
                Reason::no_rule, fmt::format("rule {} matches, but what it captures gives no valid user name", in_quotes(rule))));
        if (!yield.others.empty())
            return decide(refusal(
                Reason::ambiguous, fmt::format(
                                       "rule {} yields both {} and {} for this certificate; name the user to log in as",
                                       in_quotes(rule), in_quotes(yield.user), in_quotes(yield.others.front()))));
        return see_user(rule, yield.user, terms);
    }

    Decision conclude()
    {
        if (decided_)
            return std::move(*decided_);
        if (with_password_)
            return std::move(*with_password_);
        if (!seen_ && !outside_.empty())
            return refusal(Reason::rule_time, std::move(outside_));
        if (!seen_)
            return refusal(Reason::no_rule, "no rule matches this certificate");
        if (!asked_)
            return grant(user_, rule_, terms_);
        if (user_.empty())
            return refusal(
                Reason::other_user, fmt::format(
                                        "rule {} matches, but yields no valid user name, not the user {} that was asked for",
                                        in_quotes(rule_), in_quotes(*asked_)));
        return refusal(
            Reason::other_user,
            fmt::format(
                "rule {} yields {}, not the user {} that was asked for", in_quotes(rule_), in_quotes(user_), in_quotes(*asked_)));
    }

private:
    static bool wants_password(const RuleTerms * terms) { return terms && terms->password == PasswordNeed::required; }

    bool holds(std::string_view rule, const RuleTerms * terms)
    {
        if (!terms || terms->holds_at(now_))
            return true;
        if (outside_.empty())
            outside_ = fmt::format("rule {} matches, but holds only {}", in_quotes(rule), describe_window(*terms));
        return false;
    }

    /// The rule yields who was asked for. One that wants a password waits for another that does not.
    bool accept(std::string_view rule, const RuleTerms * terms)
    {
        if (!wants_password(terms))
            return decide(grant(*asked_, rule, terms));
        if (!with_password_)
            with_password_ = grant(*asked_, rule, terms);
        return false;
    }

    void remember(std::string_view rule, std::string_view user, const RuleTerms * terms)
    {
        if (seen_)
            return;
        seen_ = true;
        rule_ = rule;
        user_ = user;
        terms_ = terms;
    }

    [[nodiscard]] Decision ambiguous(std::string_view rule, std::string_view user) const
    {
        return refusal(
            Reason::ambiguous, fmt::format(
                                   "rule {} yields {} and rule {} yields {}; name the user to log in as", in_quotes(rule_),
                                   in_quotes(user_), in_quotes(rule), in_quotes(user)));
    }

    bool decide(Decision decision)
    {
        decided_ = std::move(decision);
        return true;
    }

    std::optional<std::string_view> asked_;
    UnixTime now_;
    bool seen_ = false;
    std::string_view rule_;             ///< the first that matched
    std::string user_;                  ///< what it yields; empty: no valid user name
    const RuleTerms * terms_ = nullptr; ///< its terms
    std::string outside_;               ///< of the first that matched outside its time
    std::optional<Decision> with_password_;
    std::optional<Decision> decided_;
};

}

class RuleSet::Impl
{
public:
    explicit Impl(CompiledRules compiled) : rules(std::move(compiled))
    {
        const auto & patterns = rules.patterns();
        std::vector<uint32_t> uses(patterns.size());
        for (uint32_t rule = 0; rule < rules.size(); ++rule)
            for (const uint32_t number : rules.patterns_of(rule))
                ++uses[number];

        // By pattern: its rule, or a list of its rules.
        std::vector<uint32_t> postings(patterns.size(), nothing);
        for (uint32_t rule = 0; rule < rules.size(); ++rule)
        {
            uint32_t & posting = postings[most_selective(rules.patterns_of(rule), patterns, uses)];
            if (posting == nothing)
                posting = rule;
            else if ((posting & list_bit) != 0)
                lists_[posting & ~list_bit].push_back(rule);
            else
            {
                lists_.push_back({posting, rule});
                posting = list_bit | static_cast<uint32_t>(lists_.size() - 1);
            }
        }
        for (size_t i = 0; i < patterns.size(); ++i)
            if (postings[i] != nothing)
                index_.add(patterns[i], posting_for(postings[i]));
        index_.build();
        note_terms();
    }

    Decision decide(const Subject & subject, std::optional<std::string_view> asked, UnixTime now) const
    {
        const Values values(subject, rules.fields());
        if (values.too_many())
            return too_much(values);
        Budget budget;
        Hits hits;
        index_.find(values, hits, budget);
        Judge judge(asked, now);
        if (hits.size() == 1 && (hits[0].number & list_bit) == 0)
        {
            const Candidate only{hits[0].number, &hits[0]};
            judge_rule(judge, hits, &only, &only + 1, values, asked, budget);
        }
        else if (hits.size() > 0)
            judge_all(judge, hits, candidates_of(hits, budget), values, asked, budget);
        if (budget.exhausted())
            return too_much(values);
        return judge.conclude();
    }

    Decision decide_one_by_one(const Subject & subject, std::optional<std::string_view> asked, UnixTime now) const
    {
        const Values values(subject, rules.fields());
        if (values.too_many())
            return too_much(values);
        Budget budget(unbounded);
        Judge judge(asked, now);
        for (uint32_t rule = 0; rule < rules.size(); ++rule)
            if (judge.see(rules.name(rule), rules.evaluate(rule, values, asked, budget), terms_of(rule)))
                break;
        return judge.conclude();
    }

    std::vector<RuleTrace> explain(const Subject & subject, UnixTime now) const
    {
        const Values values(subject, rules.fields());
        std::vector<RuleTrace> traces;
        traces.reserve(rules.size());
        for (uint32_t rule = 0; rule < rules.size(); ++rule)
        {
            const RuleText & text = rules.texts()[rule];
            RuleTrace trace{text.name, text.source, false, {}, {}};
            if (values.too_many())
                trace.detail = too_much(values).message;
            else
                explain_rule(rule, values, trace);
            if (trace.matched && !text.terms.holds_at(now))
            {
                trace.matched = false;
                trace.invalid_user = false;
                trace.user.clear();
                trace.detail += "; but it holds only " + describe_window(text.terms);
            }
            traces.push_back(std::move(trace));
        }
        return traces;
    }

    [[nodiscard]] bool wants_password(std::string_view user) const { return password_users_.contains(user); }

    [[nodiscard]] std::optional<std::string_view> user_of_password_rule(std::string_view rule) const
    {
        const auto found = password_rules_.find(rule);
        return found == password_rules_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    }

    CompiledRules rules;

private:
    static constexpr uint32_t nothing = static_cast<uint32_t>(-1);
    static constexpr uint32_t list_bit = 1u << 31;
    static constexpr uint32_t unbounded = static_cast<uint32_t>(-1);

    /// A rule that may match, and the match that led to it; null when it came from a list.
    struct Candidate
    {
        uint32_t rule;
        const Hit * hit;
    };

    /// Few rules have terms; the others are not looked at for them.
    void note_terms()
    {
        for (uint32_t rule = 0; rule < rules.size(); ++rule)
        {
            const RuleText & text = rules.texts()[rule];
            if (text.terms == RuleTerms())
                continue;
            terms_.emplace(rule, text.terms);
            if (text.terms.password == PasswordNeed::none)
                continue;
            password_rules_.emplace(text.name, text.user);
            password_users_.insert(text.user);
        }
    }

    [[nodiscard]] const RuleTerms * terms_of(uint32_t rule) const
    {
        if (terms_.empty())
            return nullptr;
        const auto found = terms_.find(rule);
        return found == terms_.end() ? nullptr : &found->second;
    }

    [[nodiscard]] Posting posting_for(uint32_t number) const
    {
        if ((number & list_bit) != 0)
            return {number, 0, {}, {}};
        const RuleText & text = rules.texts()[number];
        if (rules.is_direct(number))
            return {number, 0, text.name, text.user};
        return {number, rules.detail_for_hits(number), text.name, {}};
    }

    /// In the order of the rules, and for each of them of the certificate's names.
    [[nodiscard]] std::vector<Candidate> candidates_of(const Hits & hits, Budget & budget) const
    {
        std::vector<Candidate> candidates;
        for (size_t i = 0; i < hits.size(); ++i)
        {
            const Hit & hit = hits[i];
            if ((hit.number & list_bit) == 0)
            {
                candidates.push_back({hit.number, &hit});
                continue;
            }
            const auto & list = lists_[hit.number & ~list_bit];
            if (!budget.spend(list.size()))
                return {};
            for (const uint32_t rule : list)
                candidates.push_back({rule, nullptr});
        }
        std::sort(
            candidates.begin(), candidates.end(),
            [](const Candidate & left, const Candidate & right)
            {
                if (left.rule != right.rule || left.hit == nullptr || right.hit == nullptr)
                    return left.rule < right.rule;
                return left.hit->order < right.hit->order;
            });
        return candidates;
    }

    void judge_all(
        Judge & judge, const Hits & hits, const std::vector<Candidate> & candidates, const Values & values,
        std::optional<std::string_view> asked, Budget & budget) const
    {
        const Candidate * const end = candidates.data() + candidates.size();
        for (const Candidate * first = candidates.data(); first != end;)
        {
            const Candidate * last = first;
            while (last != end && last->rule == first->rule)
                ++last;
            if (judge_rule(judge, hits, first, last, values, asked, budget) || budget.exhausted())
                return;
            first = last;
        }
    }

    /// One rule, and all matches that led to it.
    bool judge_rule(
        Judge & judge, const Hits & hits, const Candidate * first, const Candidate * last, const Values & values,
        std::optional<std::string_view> asked, Budget & budget) const
    {
        const uint32_t rule = first->rule;
        if (!rules.applies(rule, values))
            return false;
        const Hit * hit = first->hit;
        if (hit != nullptr && hit->user_length > 0)
            return judge.see_user(hit->rule(), hit->user(), terms_of(rule));
        if (hit != nullptr && hit->detail != 0)
        {
            Yield yield;
            for (const Candidate * each = first; each != last; ++each)
                rules.evaluate_hit(hit->detail, hits.captured(*each->hit), asked, yield);
            return judge.see(hit->rule(), yield, terms_of(rule));
        }
        // The pattern of a direct rule is all there is to it, and it has matched.
        if (rules.is_direct(rule))
            return judge.see_user(rules.name(rule), rules.texts()[rule].user, terms_of(rule));
        return judge.see(rules.name(rule), rules.evaluate(rule, values, asked, budget), terms_of(rule));
    }

    void explain_rule(uint32_t rule, const Values & values, RuleTrace & trace) const
    {
        Budget budget;
        Yield yield = rules.evaluate(rule, values, std::nullopt, budget);
        trace.matched = yield.matched;
        auto description = rules.describe(rule, values, budget);
        trace.detail = std::move(description.text);
        if (!yield.matched)
        {
            if (description.each_matches)
                trace.detail += "; but captures of the same name differ";
            return;
        }
        if (!yield.others.empty())
        {
            trace.detail += "; yields several users: " + in_quotes(yield.user);
            for (const std::string & other : yield.others)
                trace.detail += ", " + in_quotes(other);
        }
        trace.invalid_user = yield.invalid;
        if (yield.invalid)
            trace.detail += "; what it captures gives no valid user name";
        trace.user = std::move(yield.user);
    }

    std::vector<std::vector<uint32_t>> lists_;
    PatternIndex index_;
    std::unordered_map<uint32_t, RuleTerms> terms_;
    std::map<std::string, std::string, std::less<>> password_rules_; ///< name to user
    std::set<std::string, std::less<>> password_users_;
};

RuleSet::RuleSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RuleSet::~RuleSet() = default;

Checked<std::shared_ptr<const RuleSet>> RuleSet::compile(std::vector<RuleText> rules)
{
    auto compiled = CompiledRules::compile(std::move(rules));
    if (!compiled)
        return tl::unexpected<Errors>(std::move(compiled.error()));
    return std::shared_ptr<const RuleSet>(new RuleSet(std::make_unique<Impl>(std::move(*compiled))));
}

size_t RuleSet::size() const
{
    return impl_->rules.size();
}

const std::vector<RuleText> & RuleSet::rules() const
{
    return impl_->rules.texts();
}

Decision RuleSet::decide(const Subject & subject, std::optional<std::string_view> asked, UnixTime now) const
{
    return impl_->decide(subject, asked, now);
}

Decision RuleSet::decide_one_by_one(const Subject & subject, std::optional<std::string_view> asked, UnixTime now) const
{
    return impl_->decide_one_by_one(subject, asked, now);
}

std::vector<RuleTrace> RuleSet::explain(const Subject & subject, UnixTime now) const
{
    return impl_->explain(subject, now);
}

bool RuleSet::wants_password(std::string_view user) const
{
    return impl_->wants_password(user);
}

std::optional<std::string_view> RuleSet::user_of_password_rule(std::string_view rule) const
{
    return impl_->user_of_password_rule(rule);
}

}
