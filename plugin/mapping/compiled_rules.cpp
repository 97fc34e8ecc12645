#include "mapping/compiled_rules.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>

#include "base/distinguished_name.h"
#include "mapping/text.h"

namespace chmtls::mapping
{

namespace
{

constexpr size_t max_matchers = 32;
constexpr size_t max_rule_name = 128;
constexpr size_t max_findings = 1000;

size_t steps_for(const Pattern & pattern, std::string_view value)
{
    return pattern.kind() == PatternKind::regex ? 4 + value.size() / 16 : 1 + value.size() / 64;
}

/// A name may be written in several ways (RFC 4514): `openssl x509 -nameopt RFC2253` has another than we. One without wildcards
/// and captures is brought into ours; no escaped '*' becomes one on the way.
std::string in_our_form(const MatcherText & matcher)
{
    constexpr std::string_view special = "*{}";
    const bool is_name = matcher.field == Field::subject || matcher.field == Field::issuer;
    if (!is_name || matcher.pattern.starts_with("regex:") || matcher.pattern.find_first_of(special) != std::string::npos)
        return matcher.pattern;
    auto normal = normal_distinguished_name(matcher.pattern);
    if (!normal || normal->find_first_of(special) != std::string::npos)
        return matcher.pattern;
    return std::move(*normal);
}

std::string key_of(const Pattern & pattern)
{
    std::string key;
    key += static_cast<char>(pattern.field());
    key += static_cast<char>(pattern.kind());
    return key + pattern.text();
}

}

void Yield::add(std::string_view result, std::optional<std::string_view> asked_for)
{
    asked = asked || (asked_for && *asked_for == result);
    if (!has_user)
    {
        user = result;
        has_user = true;
        return;
    }
    if (user == result || others.size() >= max_others || std::find(others.begin(), others.end(), result) != others.end())
        return;
    others.emplace_back(result);
}

// Compiling ---------------------------------------------------------------------------------------------------------------------

class CompiledRules::Compiler
{
public:
    explicit Compiler(CompiledRules & out) : out_(out) {}

    void add(const RuleText & rule, uint32_t number)
    {
        check_name(rule, number);
        check_terms(rule);
        const size_t findings_before = findings_;
        Rule compiled;
        compiled.first_pattern = static_cast<uint32_t>(out_.rule_patterns_.size());
        Details details;
        compile_matchers(rule, details);
        if (findings_ != findings_before)
            return; // what captures there are is not known
        compiled.patterns = static_cast<uint16_t>(out_.rule_patterns_.size() - compiled.first_pattern);
        compiled.tells_domains_apart = tells_domains_apart(rule);
        check_twins(rule, number, compiled);
        auto user = UserTemplate::compile(rule.user, names_, can_be_empty_);
        if (!user)
        {
            report(rule, "user", std::move(user.error()));
            return;
        }
        details.user = std::move(*user);
        finish(rule, compiled, std::move(details));
        out_.rules_.push_back(compiled);
    }

    [[nodiscard]] Errors take_errors()
    {
        if (findings_ > errors_.size())
            errors_.push_back({{}, {}, std::to_string(findings_ - errors_.size()) + " more findings", {}, {}});
        return std::move(errors_);
    }

private:
    void report(const RuleText & rule, std::string_view what, Finding finding)
    {
        if (++findings_ > max_findings)
            return;
        std::string field = "rule " + in_quotes(rule.name);
        if (!what.empty())
            field += ": " + std::string(what);
        errors_.push_back({rule.source, std::move(field), std::move(finding.reason), std::move(finding.remedy), {}});
    }

    void check_name(const RuleText & rule, uint32_t number)
    {
        if (rule.name.empty())
        {
            report(rule, "name", {"is empty", "give every rule a name: decisions are logged with it"});
            return;
        }
        if (rule.name.size() > max_rule_name || !is_plain_utf8(rule.name))
            report(rule, "name", {"is longer than 128 bytes, is not UTF-8 or holds control characters", "choose a plain name"});
        const auto [found, is_new] = by_name_.try_emplace(rule.name, number);
        if (!is_new)
            report(
                rule, "name",
                {"is also the name of the rule at " + out_.texts_[found->second].source, "give every rule a name of its own"});
    }

    void check_terms(const RuleText & rule)
    {
        const RuleTerms & terms = rule.terms;
        if (terms.valid_from && terms.valid_until && *terms.valid_from >= *terms.valid_until)
            report(rule, "valid_until", {"is not after valid_from: the rule would never hold", "write a later time"});
        if (terms.max_session && terms.max_session->count() <= 0)
            report(rule, "max_session", {"is no length of time", "write for instance 8h"});
        // Who needs both a certificate and a password has to be known before anybody shows a certificate.
        if (terms.password == PasswordNeed::required && rule.user.find_first_of("{}") != std::string::npos)
            report(
                rule, "password",
                {"is required for a user whose name is captured from the certificate", "write the user's name, without braces"});
    }

    void compile_matchers(const RuleText & rule, Details & details)
    {
        names_.clear();
        can_be_empty_.clear();
        if (rule.matchers.empty())
            report(rule, {}, {"has no matcher: it would match every certificate", "add at least one field to look at"});
        if (rule.matchers.size() > max_matchers)
        {
            report(rule, {}, {"has more than " + std::to_string(max_matchers) + " matchers", "split the rule"});
            return;
        }
        for (const MatcherText & matcher : rule.matchers)
        {
            auto pattern = Pattern::compile(matcher.field, in_our_form(matcher));
            if (!pattern)
            {
                pattern.error().reason = fmt::format("{} {}", in_quotes(matcher.pattern), pattern.error().reason);
                report(rule, mapping::name(matcher.field), std::move(pattern.error()));
                continue;
            }
            details.captures.push_back(bind_captures(*pattern));
            out_.rule_patterns_.push_back(intern(std::move(*pattern)));
        }
        if (names_.size() > max_captures)
            report(rule, {}, {"has more than " + std::to_string(max_captures) + " captures", "use '*' where no text is needed"});
    }

    /// Which of the rule's captures the pattern's are.
    std::vector<uint8_t> bind_captures(const Pattern & pattern)
    {
        std::vector<uint8_t> numbers;
        for (size_t i = 0; i < pattern.captures().size(); ++i)
        {
            const auto found = std::find(names_.begin(), names_.end(), pattern.captures()[i]);
            const auto number = static_cast<size_t>(found - names_.begin());
            if (found == names_.end())
            {
                names_.push_back(pattern.captures()[i]);
                can_be_empty_.push_back(pattern.can_capture_nothing(i));
            }
            else // the other capture of the same text may be one that is never empty
                can_be_empty_[number] = can_be_empty_[number] && pattern.can_capture_nothing(i);
            numbers.push_back(static_cast<uint8_t>(number));
        }
        return numbers;
    }

    uint32_t intern(Pattern pattern)
    {
        const auto [found, is_new] = by_pattern_.try_emplace(key_of(pattern), static_cast<uint32_t>(out_.patterns_.size()));
        if (is_new)
        {
            out_.fields_.add(pattern.field());
            out_.patterns_.push_back(std::move(pattern));
        }
        return found->second;
    }

    void check_twins(const RuleText & rule, uint32_t number, const Rule & compiled)
    {
        std::vector<uint32_t> set(
            out_.rule_patterns_.begin() + compiled.first_pattern,
            out_.rule_patterns_.begin() + compiled.first_pattern + compiled.patterns);
        std::sort(set.begin(), set.end());
        if (std::adjacent_find(set.begin(), set.end()) != set.end())
            report(rule, {}, {"has the same matcher twice", "remove one"});
        const std::string key(reinterpret_cast<const char *>(set.data()), set.size() * sizeof(uint32_t));
        const auto [found, is_new] = by_matchers_.try_emplace(key, number);
        if (is_new)
            return;
        const RuleText & twin = out_.texts_[found->second];
        report(
            rule, {},
            {fmt::format("has the same matchers as the rule {} at {}", in_quotes(twin.name), twin.source),
             "remove one; one certificate is one user"});
    }

    void finish(const RuleText & rule, Rule & compiled, Details details)
    {
        const Pattern & first = out_.patterns_[out_.rule_patterns_[compiled.first_pattern]];
        const bool repeated = names_.size() != details.captures.front().size();
        compiled.by_hit = compiled.patterns == 1 && !repeated && first.kind() != PatternKind::regex;
        const bool as_written
            = details.user.is_constant() && rule.user.find('{') == std::string::npos && rule.user.find('}') == std::string::npos;
        if (compiled.patterns == 1 && !repeated && as_written)
            return;

        // Generated rule sets have few templates; sharing them keeps them in the cache.
        std::string key = rule.user;
        for (const auto & captures : details.captures)
        {
            key += '\0';
            for (const uint8_t number : captures)
                key += names_[number] + ',';
        }
        const auto [found, is_new] = by_details_.try_emplace(std::move(key), static_cast<uint32_t>(out_.details_.size()));
        if (is_new)
            out_.details_.push_back(std::move(details));
        compiled.detail = found->second;
    }

    CompiledRules & out_;
    Errors errors_;
    size_t findings_ = 0;
    std::unordered_map<std::string_view, uint32_t> by_name_;
    std::unordered_map<std::string, uint32_t> by_pattern_;
    std::unordered_map<std::string, uint32_t> by_matchers_;
    std::unordered_map<std::string, uint32_t> by_details_;
    std::vector<std::string> names_;
    std::vector<bool> can_be_empty_;
};

Checked<CompiledRules> CompiledRules::compile(std::vector<RuleText> rules)
{
    CompiledRules out;
    out.texts_ = std::move(rules);
    out.rules_.reserve(out.texts_.size());
    out.details_.emplace_back(); // 0 means direct
    Compiler compiler(out);
    for (uint32_t i = 0; i < out.texts_.size(); ++i)
        compiler.add(out.texts_[i], i);
    Errors errors = compiler.take_errors();
    if (!errors.empty())
        return tl::unexpected<Errors>(std::move(errors));
    return out;
}

// Evaluating --------------------------------------------------------------------------------------------------------------------

class CompiledRules::Evaluation
{
public:
    Evaluation(
        const CompiledRules & rules, const Values & values, const Details & details, std::span<const uint32_t> patterns,
        std::optional<std::string_view> asked, Budget & budget)
        : rules_(rules), values_(values), details_(details), patterns_(patterns), asked_(asked), budget_(budget)
    {
    }

    Yield run()
    {
        // Matchers without captures only have to match something.
        for (size_t i = 0; i < patterns_.size(); ++i)
            if (details_.captures[i].empty() && !matches_any(pattern(i)))
                return std::move(yield_);
        bind(0);
        return std::move(yield_);
    }

private:
    [[nodiscard]] const Pattern & pattern(size_t i) const { return rules_.patterns_[patterns_[i]]; }

    [[nodiscard]] bool matches_any(const Pattern & each)
    {
        for (size_t n = 0; n < values_.count(each.field()); ++n)
        {
            const std::string_view value = values_.at(each.field(), n);
            if (!budget_.spend(steps_for(each, value)))
                return false;
            if (each.matches(value, nullptr))
                return true;
        }
        return false;
    }

    /// Every way to match matchers `i` and following, with the captures before them as they are.
    void bind(size_t i)
    {
        while (i < patterns_.size() && details_.captures[i].empty())
            ++i;
        if (i == patterns_.size())
        {
            conclude();
            return;
        }
        const Pattern & each = pattern(i);
        for (size_t n = 0; n < values_.count(each.field()); ++n)
        {
            const std::string_view value = values_.at(each.field(), n);
            Captured own;
            if (!budget_.spend(steps_for(each, value)))
                return;
            if (!each.matches(value, &own))
                continue;
            const Captured captured_before = captured_;
            const uint32_t bound_before = bound_;
            if (agree(details_.captures[i], own))
                bind(i + 1);
            captured_ = captured_before;
            bound_ = bound_before;
        }
    }

    /// Takes over a pattern's captures; false when a name has captured a different text before.
    bool agree(const std::vector<uint8_t> & numbers, const Captured & own)
    {
        for (size_t i = 0; i < numbers.size(); ++i)
        {
            const uint8_t number = numbers[i];
            const uint32_t bit = 1u << number;
            if ((bound_ & bit) != 0 && captured_[number] != own[i])
                return false;
            captured_[number] = own[i];
            bound_ |= bit;
        }
        return true;
    }

    void conclude()
    {
        yield_.matched = true;
        if (details_.user.render(captured_, user_))
            yield_.add(user_, asked_);
        else
            yield_.invalid = true;
    }

    const CompiledRules & rules_;
    const Values & values_;
    const Details & details_;
    std::span<const uint32_t> patterns_;
    std::optional<std::string_view> asked_;
    Budget & budget_;
    Captured captured_{};
    uint32_t bound_ = 0;
    std::string user_;
    Yield yield_;
};

Yield CompiledRules::evaluate(uint32_t rule, const Values & values, std::optional<std::string_view> asked, Budget & budget) const
{
    if (!applies(rule, values))
        return {};
    if (!is_direct(rule))
        return Evaluation(*this, values, details_[rules_[rule].detail], patterns_of(rule), asked, budget).run();
    Yield yield;
    const Pattern & only = patterns_[patterns_of(rule).front()];
    for (size_t n = 0; n < values.count(only.field()) && !yield.matched; ++n)
    {
        const std::string_view value = values.at(only.field(), n);
        if (!budget.spend(steps_for(only, value)))
            return yield;
        if (!only.matches(value, nullptr))
            continue;
        yield.matched = true;
        yield.add(texts_[rule].user, asked);
    }
    return yield;
}

void CompiledRules::evaluate_hit(
    uint32_t detail, const Captured & captured, std::optional<std::string_view> asked, Yield & yield) const
{
    std::string user;
    yield.matched = true;
    if (details_[detail].user.render(captured, user))
        yield.add(user, asked);
    else
        yield.invalid = true;
}

CompiledRules::Description CompiledRules::describe(uint32_t rule, const Values & values, Budget & budget) const
{
    if (!applies(rule, values))
        return {
            false, fmt::format(
                       "the trust domain {} vouches for no name but its SPIFFE IDs, and the rule looks at none of {}",
                       in_quotes(values.trust_domain()), telling_fields)};
    constexpr size_t shown = 4;
    std::string all;
    for (const uint32_t number : patterns_of(rule))
    {
        const Pattern & pattern = patterns_[number];
        const std::string field(mapping::name(pattern.field()));
        const std::string text
            = pattern.kind() == PatternKind::regex ? in_quotes("regex:" + pattern.text()) : in_quotes(pattern.text());
        const size_t count = values.count(pattern.field());
        if (count == 0)
            return {false, fmt::format("{}: the certificate has none that can be used; wanted {}", field, text)};
        std::string seen;
        std::optional<std::string_view> found;
        for (size_t n = 0; n < count && !found; ++n)
        {
            const std::string_view value = values.at(pattern.field(), n);
            if (!budget.spend(steps_for(pattern, value)))
                return {false, field + ": too much to compare"};
            if (pattern.matches(value, nullptr))
                found = value;
            else if (n < shown)
                seen += (n == 0 ? "" : ", ") + in_quotes(value);
        }
        if (!found)
        {
            const std::string more = count > shown ? fmt::format(" and {} more", count - shown) : "";
            return {false, fmt::format("{}: {} does not match {}{}", field, text, seen, more)};
        }
        all += fmt::format("{}{}: {} matches {}", all.empty() ? "" : "; ", field, text, in_quotes(*found));
    }
    return {true, std::move(all)};
}

}
