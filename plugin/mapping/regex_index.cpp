#include "mapping/regex_index.h"

#include <algorithm>

#include <re2/re2.h>
#include <re2/set.h>

#include "mapping/pattern.h"

namespace chmtls::mapping
{

namespace
{

re2::StringPiece piece(std::string_view text)
{
    return {text.data(), text.size()};
}

Hit hit_of(uint32_t number, const Lookup & lookup)
{
    Hit hit{};
    hit.number = number;
    hit.order = lookup.order;
    return hit;
}

/// Asking for the time costs as much as matching a short name does.
constexpr size_t not_worth_the_time = 32;
constexpr size_t usual_length = 2048;
constexpr size_t instructions_per_step = 64;

template <typename Match>
bool within_budget(const Lookup & lookup, Budget & budget, const Match & match)
{
    if (lookup.value.size() > not_worth_the_time)
        return budget.spend_time_of(match);
    match();
    return true;
}

}

struct RegexIndex::Chunk
{
    size_t begin;
    size_t end;
    size_t program;                ///< instructions of all its expressions
    std::unique_ptr<RE2::Set> set; ///< null: one by one
};

RegexIndex::RegexIndex(Field field) : field_(field) {}
RegexIndex::RegexIndex(RegexIndex &&) noexcept = default;
RegexIndex & RegexIndex::operator=(RegexIndex &&) noexcept = default;
RegexIndex::~RegexIndex() = default;

void RegexIndex::add(const re2::RE2 & expression, const Posting & posting)
{
    entries_.push_back({&expression, posting.number});
}

void RegexIndex::build(int64_t memory)
{
    chunks_.clear();
    if (!entries_.empty())
        build_range(0, entries_.size(), memory);
}

void RegexIndex::build_range(size_t begin, size_t end, int64_t memory)
{
    if (end - begin == 1)
    {
        chunks_.push_back({begin, end, program_size(begin, end), nullptr});
        return;
    }
    RE2::Options options(RE2::Quiet);
    options.set_case_sensitive(!regex_ignores_case(field_));
    options.set_max_mem(memory);
    auto set = std::make_unique<RE2::Set>(options, RE2::ANCHOR_BOTH);
    bool complete = true;
    for (size_t i = begin; complete && i < end; ++i)
        complete = set->Add(entries_[i].expression->pattern(), nullptr) >= 0;
    if (complete && set->Compile())
    {
        chunks_.push_back({begin, end, program_size(begin, end), std::move(set)});
        return;
    }
    const size_t middle = begin + (end - begin) / 2;
    build_range(begin, middle, memory);
    build_range(middle, end, memory);
}

size_t RegexIndex::program_size(size_t begin, size_t end) const
{
    size_t size = 0;
    for (size_t i = begin; i < end; ++i)
        size += static_cast<size_t>(std::max(entries_[i].expression->ProgramSize(), 1));
    return size;
}

// A name in usual length is looked through in next to no time, whatever the expressions are. Each byte of a longer one may cost a
// new state of the automaton, which is as large as the program.
size_t RegexIndex::least_work(const Chunk & chunk, size_t length)
{
    const size_t beyond = length > usual_length ? length - usual_length : 0;
    return 1 + beyond * (1 + chunk.program / instructions_per_step);
}

void RegexIndex::find(const Lookup & lookup, Hits & hits, Budget & budget) const
{
    std::vector<int> matched;
    for (const Chunk & chunk : chunks_)
    {
        if (!budget.spend(least_work(chunk, lookup.value.size())))
            return;
        if (!chunk.set)
        {
            find_one_by_one(chunk, lookup, hits, budget);
            continue;
        }
        RE2::Set::ErrorInfo error{};
        matched.clear();
        bool found = false;
        const auto match = [&]
        {
            found = chunk.set->Match(piece(lookup.value), &matched, &error);
        };
        if (!within_budget(lookup, budget, match))
            return;
        if (found)
        {
            for (const int index : matched)
                hits.add(hit_of(entries_[chunk.begin + static_cast<size_t>(index)].number, lookup));
            continue;
        }
        // "No match" and "could not tell" look alike but for the error.
        if (error.kind != RE2::Set::kNoError)
            find_one_by_one(chunk, lookup, hits, budget);
    }
}

void RegexIndex::find_one_by_one(const Chunk & chunk, const Lookup & lookup, Hits & hits, Budget & budget) const
{
    const size_t steps = 4 + lookup.value.size() / 16;
    for (size_t i = chunk.begin; i < chunk.end; ++i)
    {
        if (!budget.spend(steps))
            return;
        bool found = false;
        const auto match = [&]
        {
            found = RE2::FullMatch(piece(lookup.value), *entries_[i].expression);
        };
        if (!within_budget(lookup, budget, match))
            return;
        if (found)
            hits.add(hit_of(entries_[i].number, lookup));
    }
}

}
