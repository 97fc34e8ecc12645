// The index against trying rule by rule, and the patterns against another way of matching, on random rules and subjects.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <algorithm>
#include <random>

#include "mapping/pattern.h"
#include "mapping/regex_index.h"
#include "subject_builder.h"

namespace chmtls::mapping
{
namespace
{

using test::any_time;
using test::SubjectBuilder;

/// Few letters and few components, so that random patterns and values meet often.
class Random
{
public:
    explicit Random(uint32_t seed) : engine_(seed) {}

    size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
    bool one_in(size_t n) { return below(n) == 0; }

    std::string word()
    {
        std::string out;
        for (size_t i = 1 + below(3); i > 0; --i)
            out += static_cast<char>('a' + below(2));
        return out;
    }

    std::string joined(char separator, size_t most, bool pattern)
    {
        std::string out;
        for (size_t i = 1 + below(most); i > 0; --i)
            out += (pattern ? pattern_component() : value_component(separator)) + (i > 1 ? std::string(1, separator) : "");
        return out;
    }

    std::string value(Field field)
    {
        switch (field)
        {
        case Field::dns:
        {
            std::string out = joined('.', 4, false);
            if (!out.empty() && one_in(4))
                out[below(out.size())] = 'A';
            return out;
        }
        case Field::uri:
        case Field::spiffe_id:
            return "spiffe://" + joined('/', 5, false);
        case Field::email:
            return one_in(20) ? word() : word() + "@" + joined('.', 3, false);
        default:
            return joined('.', 4, false);
        }
    }

    std::string pattern(Field field)
    {
        if (one_in(8))
            return regex();
        switch (field)
        {
        case Field::uri:
        case Field::spiffe_id:
        {
            std::string out = "spiffe://" + joined('/', 4, true);
            if (one_in(3))
                out += "/**";
            if (one_in(3))
                out += "/" + joined('/', 2, true);
            return out;
        }
        case Field::email:
            return pattern_component() + "@" + joined('.', 3, true);
        default:
            return joined('.', 4, true);
        }
    }

private:
    std::string value_component(char separator)
    {
        if (one_in(40))
            return "";
        if (separator == '.' && one_in(40))
            return "a/b";
        if (separator == '/' && one_in(10))
            return "a.b";
        return word();
    }

    std::string pattern_component()
    {
        switch (below(6))
        {
        case 0:
            return "*";
        case 1:
            return (one_in(3) ? "" : word().substr(0, 1 + below(2))) + "*" + (one_in(2) ? "" : word().substr(0, 1));
        case 2:
            return "{" + std::string(1, static_cast<char>('x' + below(2))) + "}";
        default:
            return word();
        }
    }

    std::string regex()
    {
        static const std::vector<std::string> choices
            = {"regex:.*",     "regex:[ab]+",         "regex:(?P<x>a*).*", "regex:.*b", "regex:(?:spiffe://)?(?P<y>[ab./]+)",
               "regex:a|b|ab", "regex:[^.]*\\.[^.]*", "regex:.*@.*"};
        return choices[below(choices.size())];
    }

    std::mt19937 engine_;
};

constexpr std::array glob_fields
    = {Field::common_name, Field::dns, Field::uri, Field::email, Field::spiffe_id, Field::trust_domain};

bool same(const Decision & left, const Decision & right)
{
    return left.reason == right.reason && left.user == right.user && left.rule == right.rule && left.message == right.message;
}

std::vector<RuleText> random_rules(Random & random, size_t count)
{
    std::vector<RuleText> rules;
    for (size_t i = 0; i < count; ++i)
    {
        RuleText rule = test::rule("r" + std::to_string(i), {}, "u" + std::to_string(random.below(3)));
        for (size_t m = random.one_in(3) ? 1 + random.below(3) : 1; m > 0; --m)
        {
            const Field field = glob_fields[random.below(glob_fields.size())];
            rule.matchers.push_back({field, random.pattern(field)});
        }
        for (const char * name : {"x", "y"})
            for (const MatcherText & matcher : rule.matchers)
                if (random.one_in(2)
                    && (matcher.pattern.find("{" + std::string(name) + "}") != std::string::npos
                        || matcher.pattern.find("<" + std::string(name) + ">") != std::string::npos))
                {
                    rule.user += "{" + std::string(name) + "}";
                    break;
                }
        rules.push_back(std::move(rule));
    }
    return rules;
}

/// Leaves out rules that do not compile, e.g. because they are there already.
std::shared_ptr<const RuleSet> compile_what_can_be(std::vector<RuleText> rules)
{
    while (true)
    {
        auto set = RuleSet::compile(rules);
        if (set)
            return *set;
        for (const Error & error : set.error())
            std::erase_if(rules, [&](const RuleText & rule) { return rule.source == error.file; });
    }
}

SubjectBuilder random_subject(Random & random)
{
    SubjectBuilder builder;
    for (const Field field : glob_fields)
        for (size_t i = random.below(field == Field::dns || field == Field::uri ? 4 : 2); i > 0; --i)
            builder.with(field, random.value(field));
    return builder;
}

TEST(Index, decides_as_rule_by_rule)
{
    size_t granted = 0;
    size_t refused = 0;
    size_t ambiguous = 0;
    for (uint32_t round = 0; round < 1500; ++round)
    {
        Random random(round);
        const auto set = compile_what_can_be(random_rules(random, 1 + random.below(40)));
        for (int i = 0; i < 10; ++i)
        {
            const SubjectBuilder builder = random_subject(random);
            const auto subject = builder.subject();
            const auto expected = set->decide_one_by_one(subject, {}, any_time);
            const auto decided = set->decide(subject, {}, any_time);
            ASSERT_TRUE(same(decided, expected)) << "round " << round << ": " << decided.message << " / " << expected.message;
            granted += decided.accepted() ? 1 : 0;
            refused += decided.reason == Reason::no_rule ? 1 : 0;
            ambiguous += decided.reason == Reason::ambiguous ? 1 : 0;
            for (const std::string asked : {"u0", "u1", "u1ab"})
                ASSERT_TRUE(same(set->decide(subject, asked, any_time), set->decide_one_by_one(subject, asked, any_time)))
                    << "round " << round;
        }
    }
    // The test says nothing unless all of these occur.
    EXPECT_GT(granted, 300U);
    EXPECT_GT(refused, 300U);
    EXPECT_GT(ambiguous, 300U);
}

/// A glob as a regular expression: another implementation of the same meaning.
std::string as_regex(Field field, std::string_view pattern)
{
    const bool slashed = field == Field::uri || field == Field::spiffe_id;
    std::string out;
    bool in_local_part = field == Field::email;
    for (size_t i = 0; i < pattern.size(); ++i)
    {
        const std::string one = slashed ? "[^/]+" : in_local_part ? ".+" : "[^./]+";
        if (pattern.substr(i).starts_with("/**"))
        {
            out += "(?:/[^/]+)*";
            i += 2;
        }
        else if (pattern[i] == '*')
            out += one;
        else if (pattern[i] == '{')
        {
            out += one;
            i = pattern.find('}', i);
        }
        else
        {
            if (pattern[i] == '@')
                in_local_part = false;
            out += RE2::QuoteMeta(pattern.substr(i, 1));
        }
    }
    return out;
}

TEST(Patterns, match_as_their_translation_does)
{
    size_t matched = 0;
    size_t compared = 0;
    for (uint32_t round = 0; round < 20000; ++round)
    {
        Random random(round);
        const Field field = glob_fields[random.below(glob_fields.size())];
        std::string text = random.pattern(field);
        const auto pattern = Pattern::compile(field, text);
        if (!pattern || pattern->kind() == PatternKind::regex)
            continue;
        RE2::Options options;
        options.set_dot_nl(true);
        const RE2 translated(as_regex(field, text), options);
        ASSERT_TRUE(translated.ok()) << text;
        for (int i = 0; i < 10; ++i)
        {
            std::string value = random.value(field);
            for (char & c : value)
                c = static_cast<char>(std::tolower(c));
            const bool expected = RE2::FullMatch(value, translated);
            ASSERT_EQ(pattern->matches(value, nullptr), expected) << name(field) << " '" << text << "' against '" << value << "'";
            matched += expected ? 1 : 0;
            ++compared;
        }
    }
    EXPECT_GT(matched, compared / 50);
}

// Bounds ------------------------------------------------------------------------------------------------------------------------

TEST(Bounds, more_names_than_allowed_are_refused_at_once)
{
    const auto set = test::compiled({test::rule("r", {{Field::dns, "{x}.org"}}, "u")});
    SubjectBuilder builder;
    for (int i = 0; i < 4096; ++i)
        builder.dns("n" + std::to_string(i) + ".org");
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).reason, Reason::valid);
    for (int i = 4096; i < 10000; ++i)
        builder.dns("n" + std::to_string(i) + ".org");
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).reason, Reason::resource);
    EXPECT_EQ(set->decide(builder.subject(), "u", any_time).reason, Reason::resource);
    EXPECT_FALSE(set->explain(builder.subject(), any_time)[0].matched);
}

TEST(Bounds, longer_names_than_allowed_are_refused)
{
    const auto set = test::compiled({test::rule("r", {{Field::uri, "https://h/**"}}, "u")});
    SubjectBuilder fits;
    fits.uri("https://h/" + std::string((256u << 10) - 10, 'a'));
    EXPECT_EQ(set->decide(fits.subject(), {}, any_time).reason, Reason::valid);
    SubjectBuilder does_not;
    does_not.uri("https://h/" + std::string((256u << 10) - 9, 'a'));
    EXPECT_EQ(set->decide(does_not.subject(), {}, any_time).reason, Reason::resource);
}

TEST(Bounds, names_that_match_very_many_rules_are_refused_and_not_decided_in_part)
{
    std::vector<RuleText> rules;
    for (int i = 0; i < 2000; ++i)
        rules.push_back(test::rule(
            "r" + std::to_string(i), {{Field::dns, "{x}.example.org"}, {Field::uri, "https://h/{x}/" + std::to_string(i)}}, "u"));
    const auto set = test::compiled(std::move(rules));
    SubjectBuilder builder;
    for (int i = 0; i < 2000; ++i)
    {
        builder.dns("d" + std::to_string(i) + ".example.org");
        builder.uri("https://h/x/" + std::to_string(i));
    }
    EXPECT_EQ(set->decide(builder.subject(), {}, any_time).reason, Reason::resource);
    EXPECT_EQ(set->decide(builder.subject(), "u", any_time).reason, Reason::resource);
    EXPECT_EQ(set->decide(SubjectBuilder().dns("x.example.org").uri("https://h/x/7").subject(), {}, any_time).rule, "r7");
}

TEST(Bounds, deep_and_wide_values_against_branching_wildcards)
{
    // Every combination of "a" and "*" over 12 segments: a walk can branch at every level.
    std::vector<RuleText> rules;
    for (unsigned mask = 0; mask < 4096; ++mask)
    {
        std::string pattern = "https://h";
        for (unsigned bit = 0; bit < 12; ++bit)
            pattern += (mask >> bit & 1u) != 0 ? "/*" : "/a";
        rules.push_back(test::rule("r" + std::to_string(mask), {{Field::uri, pattern}}, "u"));
    }
    const auto set = test::compiled(std::move(rules));
    const std::string uri = "https://h/a/a/a/a/a/a/a/a/a/a/a/a";
    SubjectBuilder one;
    one.uri(uri);
    EXPECT_EQ(set->decide(one.subject(), {}, any_time).reason, Reason::valid);
    SubjectBuilder many;
    for (int i = 0; i < 1000; ++i)
        many.uri(uri);
    EXPECT_EQ(set->decide(many.subject(), {}, any_time).reason, Reason::resource);
}

// Regular expressions in bulk ---------------------------------------------------------------------------------------------------

struct Expressions
{
    std::vector<std::unique_ptr<RE2>> all;

    explicit Expressions(size_t count)
    {
        for (size_t i = 0; i < count; ++i)
            all.push_back(std::make_unique<RE2>(".*(?:x[a-c]{1,4}y|z" + std::to_string(i % 7) + ").{0,9}w" + std::to_string(i)));
    }

    [[nodiscard]] RegexIndex index(int64_t memory) const
    {
        RegexIndex index(Field::common_name);
        for (uint32_t i = 0; i < all.size(); ++i)
            index.add(*all[i], {i, 0, {}, {}});
        index.build(memory);
        return index;
    }
};

std::vector<uint32_t> found(const RegexIndex & index, std::string_view value, Budget & budget)
{
    Hits hits;
    index.find({value}, hits, budget);
    std::vector<uint32_t> numbers;
    for (size_t i = 0; i < hits.size(); ++i)
        numbers.push_back(hits[i].number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

TEST(RegexIndex, finds_the_same_however_little_memory_it_has)
{
    const Expressions expressions(150);
    const RegexIndex ample = expressions.index(RegexIndex::default_memory);
    for (const int64_t memory : {int64_t{1} << 12, int64_t{1} << 15, int64_t{1} << 17, int64_t{1} << 19, int64_t{1} << 21})
    {
        const RegexIndex tight = expressions.index(memory);
        std::mt19937 random(7);
        for (int round = 0; round < 200; ++round)
        {
            std::string value;
            for (int i = 0; i < 60; ++i)
                value += "xabcyz012"[random() % 9];
            value += "w" + std::to_string(random() % 150);
            Budget plenty(1u << 30);
            Budget plenty_too(1u << 30);
            ASSERT_EQ(found(tight, value, plenty), found(ample, value, plenty_too)) << memory << " " << value;
        }
    }
}

TEST(RegexIndex, one_by_one_stops_at_the_budget)
{
    const RegexIndex tight = Expressions(1).index(1);
    Budget budget(3);
    EXPECT_TRUE(found(tight, "xayw0", budget).empty());
    EXPECT_TRUE(budget.exhausted());
    Budget enough(100);
    EXPECT_FALSE(enough.exhausted());
}

// Each byte of such a name may cost a new state of the automaton.
TEST(RegexIndex, ALongNameIsRefusedBeforeItTakesSeconds)
{
    std::vector<std::unique_ptr<RE2>> held;
    RegexIndex index(Field::common_name);
    for (uint32_t i = 0; i < 20; ++i)
    {
        held.push_back(std::make_unique<RE2>("(?s).*a.{" + std::to_string(10 + i) + "}b" + std::to_string(i)));
        Posting posting{};
        posting.number = i;
        index.add(*held.back(), posting);
    }
    index.build();
    std::string random;
    uint32_t state = 1;
    while (random.size() < 90'000)
    {
        state = state * 1664525u + 1013904223u;
        random += (state >> 16) % 2 == 0 ? 'a' : 'c';
    }
    const auto processor_time = []
    {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    };
    Budget budget;
    const auto before = processor_time();
    EXPECT_TRUE(found(index, random, budget).empty());
    EXPECT_TRUE(budget.exhausted());
    EXPECT_LT(processor_time() - before, 1.0);
    // Names that are as long as names are, also against these expressions.
    Budget usual;
    EXPECT_THAT(found(index, random.substr(0, 200) + "a" + std::string(12, 'c') + "b2", usual), testing::SizeIs(1));
    EXPECT_FALSE(usual.exhausted());
}

}
}
