// Which user is a certificate: mapping::RuleSet::decide over 1 to 1,000,000 rules, next to what it replaces, a list of RE2
// expressions that is tried from the front (linear_re2). Ends with the ratios that the project has promised.
//
//     authorize_bench [--benchmark_filter=...]
//
// Every figure is the best of several repetitions, in CPU time. The subjects of a benchmark are 512 different certificates, each
// of which matches a rule from anywhere in the list, so that nothing is found in a warm cache because it was asked for just now.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/clickhouse_users.h"
#include "mapping/rule_set.h"

namespace
{

using chmtls::mapping::ClickHouseUsers;
using chmtls::mapping::Field;
using chmtls::mapping::RuleSet;
using chmtls::mapping::RuleText;
using chmtls::mapping::Subject;
using chmtls::mapping::UserCertificates;
using chmtls::openssl::CertificateFacts;

const chmtls::UnixTime at = chmtls::system_time();

constexpr size_t subject_count = 512;

/// One kind of rule: its pattern, a name that matches it, and the same pattern as a regular expression.
struct Shape
{
    std::string name;
    Field field;
    std::string (*pattern)(size_t);
    std::string (*value)(size_t);
    std::string user;
};

const Shape exact{
    "exact", Field::dns, [](size_t i) { return fmt::format("host-{}.example.org", i); },
    [](size_t i) { return fmt::format("host-{}.example.org", i); }, "user"};
const Shape wildcard{
    "wildcard", Field::dns, [](size_t i) { return fmt::format("*.team-{}.example.org", i); },
    [](size_t i) { return fmt::format("db7.team-{}.example.org", i); }, "user"};
const Shape partial{
    "partial", Field::dns, [](size_t i) { return fmt::format("team-{}-*.example.org", i); },
    [](size_t i) { return fmt::format("team-{}-db7.example.org", i); }, "user"};
const Shape capture{
    "capture", Field::spiffe_id, [](size_t i) { return fmt::format("spiffe://prod.example.org/ns/{{ns}}/sa/service-{}", i); },
    [](size_t i) { return fmt::format("spiffe://prod.example.org/ns/web/sa/service-{}", i); }, "{ns}"};
const Shape rest{
    "rest", Field::spiffe_id, [](size_t i) { return fmt::format("spiffe://prod.example.org/ns/team-{}/**", i); },
    [](size_t i) { return fmt::format("spiffe://prod.example.org/ns/team-{}/sa/api", i); }, "user"};
const Shape regex{
    "regex", Field::dns,
    [](size_t i) { return fmt::format("regex:svc-[0-9]{{1,3}}\\.(?:prod|test)\\.team-{}\\.example\\.org", i); },
    [](size_t i) { return fmt::format("svc-17.prod.team-{}.example.org", i); }, "user"};
const std::vector<Shape> plain_shapes = {exact, wildcard, partial, capture, rest};

/// The glob or regex of a rule as an RE2 expression over the same value.
std::string as_regex(const std::string & pattern)
{
    if (pattern.starts_with("regex:"))
        return pattern.substr(6);
    std::string out;
    for (size_t i = 0; i < pattern.size(); ++i)
    {
        if (pattern.compare(i, 2, "**") == 0)
        {
            out += ".+";
            ++i;
        }
        else if (pattern[i] == '*')
            out += "[^./]+";
        else if (pattern[i] == '{')
        {
            out += "([^/]+)";
            i = pattern.find('}', i);
        }
        else
            out += RE2::QuoteMeta(pattern.substr(i, 1));
    }
    return out;
}

/// A certificate as a server sees it: more in it than the name that counts.
struct Certificate
{
    CertificateFacts facts{};
    std::optional<std::string> spiffe_id;
    std::optional<std::string> trust_domain;
    std::string value; ///< the name that counts

    Certificate(Field field, std::string name) : value(std::move(name))
    {
        facts.common_name = "some client";
        facts.subject = "CN=some client,O=Example";
        facts.issuer = "CN=Example CA,O=Example";
        facts.serial_hex = "1f2e3d4c5b6a";
        if (field == Field::dns)
            facts.san.dns.push_back(value);
        if (field == Field::spiffe_id)
        {
            facts.san.uris.push_back(value);
            spiffe_id = value;
            trust_domain = "prod.example.org";
        }
    }

    [[nodiscard]] Subject subject() const { return {facts, spiffe_id, trust_domain, {}}; }
};

/// Spreads the subjects over all rules.
size_t rule_of_subject(size_t subject, size_t rules)
{
    return subject * 0x9e3779b97f4a7c15u % rules;
}

std::vector<Certificate> certificates(const std::vector<Shape> & shapes, size_t rules)
{
    std::vector<Certificate> out;
    for (size_t i = 0; i < subject_count; ++i)
    {
        const size_t rule = rule_of_subject(i, rules);
        const Shape & shape = shapes[rule % shapes.size()];
        out.emplace_back(shape.field, shape.value(rule));
    }
    return out;
}

std::shared_ptr<const RuleSet> rule_set(const std::vector<Shape> & shapes, size_t count)
{
    std::vector<RuleText> rules;
    for (size_t i = 0; i < count; ++i)
    {
        const Shape & shape = shapes[i % shapes.size()];
        rules.push_back({fmt::format("rule-{}", i), {{shape.field, shape.pattern(i)}}, shape.user, "bench"});
    }
    auto compiled = RuleSet::compile(std::move(rules));
    return compiled ? *compiled : nullptr;
}

enum class Asking
{
    nobody,
    the_user,
};

void decide(benchmark::State & state, const std::vector<Shape> & shapes, size_t rules, Asking asking)
{
    const auto set = rule_set(shapes, rules);
    if (set == nullptr)
    {
        state.SkipWithError("the rules do not compile");
        return;
    }
    const auto subjects = certificates(shapes, rules);
    std::vector<std::optional<std::string>> users(subjects.size());
    for (size_t i = 0; i < subjects.size(); ++i)
    {
        auto decision = set->decide(subjects[i].subject(), std::nullopt, at);
        if (!decision.accepted())
        {
            state.SkipWithError("a certificate matches no rule");
            return;
        }
        if (asking == Asking::the_user)
            users[i] = std::move(decision.user);
    }
    size_t next = 0;
    for (auto _ : state)
    {
        benchmark::DoNotOptimize(set->decide(subjects[next].subject(), users[next], at));
        next = (next + 1) % subjects.size();
    }
}

/// The baseline: a list of RE2 expressions and users. `to_the_end`: rules that yield different users are noticed, as decide()
/// does; else the first match counts.
enum class Scan
{
    to_the_end,
    first_match,
};

void linear_re2(benchmark::State & state, const std::vector<Shape> & shapes, size_t rules, Scan scan)
{
    std::vector<std::unique_ptr<RE2>> list;
    for (size_t i = 0; i < rules; ++i)
        list.push_back(std::make_unique<RE2>(as_regex(shapes[i % shapes.size()].pattern(i))));
    const auto subjects = certificates(shapes, rules);
    size_t next = 0;
    for (auto _ : state)
    {
        size_t matched = 0;
        for (const auto & expression : list)
        {
            if (!RE2::FullMatch(subjects[next].value, *expression))
                continue;
            ++matched;
            if (scan == Scan::first_match)
                break;
        }
        if (matched != 1)
            state.SkipWithError("a certificate matches no rule");
        next = (next + 1) % subjects.size();
    }
}

/// users.xml with so many users, each with one certificate.
void clickhouse_users(benchmark::State & state, size_t count)
{
    std::vector<UserCertificates> sections;
    for (size_t i = 0; i < count; ++i)
        sections.push_back(
            {fmt::format("user-{}", i),
             {},
             {fmt::format("DNS:{}", wildcard.pattern(i)), fmt::format("DNS:{}", exact.pattern(i))},
             false,
             "bench"});
    const auto users = ClickHouseUsers::compile(std::move(sections));
    const auto subjects = certificates({wildcard}, count);
    std::vector<std::string> names;
    for (size_t i = 0; i < subjects.size(); ++i)
        names.push_back(fmt::format("user-{}", rule_of_subject(i, count)));
    size_t next = 0;
    for (auto _ : state)
    {
        if (!(*users)->matches(subjects[next].subject(), names[next], nullptr))
            state.SkipWithError("a certificate does not match");
        next = (next + 1) % subjects.size();
    }
}

/// The most that one certificate can cost: names up to the bound, rules that all of them lead to.
void costly_certificate(benchmark::State & state)
{
    std::vector<RuleText> rules;
    for (size_t i = 0; i < 2000; ++i)
        rules.push_back(
            {fmt::format("r{}", i),
             {{Field::dns, "{x}.example.org"}, {Field::uri, fmt::format("https://h/{{x}}/{}", i)}},
             "u",
             "bench"});
    const auto set = *RuleSet::compile(std::move(rules));
    Certificate certificate(Field::dns, "x.example.org");
    for (size_t i = 0; i < 2000; ++i)
    {
        certificate.facts.san.dns.push_back(fmt::format("d{}.example.org", i));
        certificate.facts.san.uris.push_back(fmt::format("https://h/x/{}", i));
    }
    for (auto _ : state)
        benchmark::DoNotOptimize(set->decide(certificate.subject(), std::nullopt, at));
}

/// Prints as usual, and keeps the best time of each benchmark.
class Collector : public benchmark::ConsoleReporter
{
public:
    void ReportRuns(const std::vector<Run> & runs) override
    {
        ConsoleReporter::ReportRuns(runs);
        for (const Run & run : runs)
        {
            if (run.error_occurred || run.run_type != Run::RT_Iteration)
                continue;
            const std::string name = run.run_name.function_name;
            const double nanoseconds = run.cpu_accumulated_time / static_cast<double>(run.iterations) * 1e9;
            const auto [found, is_new] = best_.try_emplace(name, nanoseconds);
            if (!is_new)
                found->second = std::min(found->second, nanoseconds);
        }
    }

    /// 0 when it was not run.
    [[nodiscard]] double best(const std::string & name) const
    {
        const auto found = best_.find(name);
        return found == best_.end() ? 0 : found->second;
    }

private:
    std::map<std::string, double> best_;
};

constexpr size_t counts[] = {1, 1000, 100000, 1000000};

void print_goals(const Collector & results)
{
    std::printf(
        "\n%-34s %10s %10s %10s %10s   %s\n", "authorize, ns", "1", "1,000", "100,000", "1,000,000", "100,000 / 1 (goal: 2)");
    for (const std::string name : {"exact", "wildcard", "partial", "capture", "rest", "mixed", "mixed_asked", "clickhouse_users"})
    {
        double times[4];
        std::transform(
            std::begin(counts), std::end(counts), std::begin(times),
            [&](size_t n) { return results.best(fmt::format("{}/{}", name, n)); });
        if (times[0] > 0)
            std::printf(
                "%-34s %10.0f %10.0f %10.0f %10.0f   %.2f\n", name.c_str(), times[0], times[1], times[2], times[3],
                times[2] / times[0]);
    }
    std::printf("\n");
    const auto ratio = [&](const std::string & baseline, const std::string & ours, const char * goal)
    {
        if (results.best(baseline) > 0 && results.best(ours) > 0)
            std::printf(
                "%-34s / %-20s %10.1f times   %s\n", baseline.c_str(), ours.c_str(), results.best(baseline) / results.best(ours),
                goal);
    };
    ratio("linear_re2/mixed/1", "mixed/1", "");
    ratio("linear_re2/mixed/1000", "mixed/1000", "");
    ratio("linear_re2/mixed/100000", "mixed/100000", "");
    ratio("linear_re2/regex/1000", "regex/1000", "(goal: 100)");
    ratio("linear_re2_first/regex/1000", "regex/1000", "(stops at the first match, half way on average)");
}

}

int main(int argc, char ** argv)
{
    const auto add = [](const std::string & name, auto run)
    {
        benchmark::RegisterBenchmark(name.c_str(), run)->MinTime(0.05)->Repetitions(5)->ReportAggregatesOnly(false);
    };
    for (const size_t count : counts)
    {
        for (const Shape & shape : plain_shapes)
            add(fmt::format("{}/{}", shape.name, count),
                [&shape, count](benchmark::State & state) { decide(state, {shape}, count, Asking::nobody); });
        add(fmt::format("mixed/{}", count),
            [count](benchmark::State & state) { decide(state, plain_shapes, count, Asking::nobody); });
        add(fmt::format("mixed_asked/{}", count),
            [count](benchmark::State & state) { decide(state, plain_shapes, count, Asking::the_user); });
        add(fmt::format("clickhouse_users/{}", count), [count](benchmark::State & state) { clickhouse_users(state, count); });
    }
    for (const size_t count : {size_t{1}, size_t{1000}, size_t{100000}})
        add(fmt::format("linear_re2/mixed/{}", count),
            [count](benchmark::State & state) { linear_re2(state, plain_shapes, count, Scan::to_the_end); });
    add("regex/1000", [](benchmark::State & state) { decide(state, {regex}, 1000, Asking::nobody); });
    add("linear_re2/regex/1000", [](benchmark::State & state) { linear_re2(state, {regex}, 1000, Scan::to_the_end); });
    add("linear_re2_first/regex/1000", [](benchmark::State & state) { linear_re2(state, {regex}, 1000, Scan::first_match); });
    add("costly_certificate", costly_certificate);

    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    Collector collector;
    benchmark::RunSpecifiedBenchmarks(&collector);
    print_goals(collector);
    return 0;
}
