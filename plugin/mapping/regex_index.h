#pragma once

// All regular expressions of a field, tried in one pass.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mapping/pattern_record.h"
#include "mapping/rule.h"
#include "mapping/work.h"

namespace re2
{
class RE2;
}

namespace chmtls::mapping
{

/// RE2::Set has a memory bound. Where the expressions do not fit into one set they are spread over several; where a set runs out
/// of memory while matching, its expressions are tried one by one: slower, within the budget, and with the same result.
class RegexIndex
{
public:
    explicit RegexIndex(Field field);
    RegexIndex(RegexIndex &&) noexcept;
    RegexIndex & operator=(RegexIndex &&) noexcept;
    ~RegexIndex();

    /// Borrows the expression. Only the posting's number is kept.
    void add(const re2::RE2 & expression, const Posting & posting);

    /// After the last add(). `memory` bounds each set.
    void build(int64_t memory = default_memory);

    [[nodiscard]] bool empty() const { return entries_.empty(); }
    void find(const Lookup & lookup, Hits & hits, Budget & budget) const;

    static constexpr int64_t default_memory = int64_t{64} << 20;

private:
    struct Entry
    {
        const re2::RE2 * expression;
        uint32_t number;
    };
    struct Chunk;
    [[nodiscard]] size_t program_size(size_t begin, size_t end) const;
    [[nodiscard]] static size_t least_work(const Chunk & chunk, size_t length);
    void build_range(size_t begin, size_t end, int64_t memory);
    void find_one_by_one(const Chunk & chunk, const Lookup & lookup, Hits & hits, Budget & budget) const;

    Field field_;
    std::vector<Entry> entries_;
    std::vector<Chunk> chunks_;
};

}
