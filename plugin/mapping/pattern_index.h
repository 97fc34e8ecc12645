#pragma once

// From a subject to the patterns that match it, whatever their number.

#include <array>
#include <cstdint>
#include <optional>

#include "mapping/arena.h"
#include "mapping/component_trie.h"
#include "mapping/pattern.h"
#include "mapping/pattern_record.h"
#include "mapping/regex_index.h"
#include "mapping/values.h"
#include "mapping/work.h"

namespace chmtls::mapping
{

/// Built once, then immutable and thread-safe. Exact patterns: one hash lookup for each value of the subject. Wildcards: one walk
/// of the components (component_trie.h). Regular expressions: one automaton for each field (regex_index.h).
class PatternIndex
{
public:
    PatternIndex();
    PatternIndex(const PatternIndex &) = delete;
    PatternIndex & operator=(const PatternIndex &) = delete;

    /// Patterns differ from each other in field, kind or text. A regex is borrowed.
    void add(const Pattern & pattern, const Posting & posting);

    /// After the last add().
    void build();

    /// Adds each pattern that matches one of the values, once for each value that it matches.
    void find(const Values & values, Hits & hits, Budget & budget) const;

private:
    struct PerField
    {
        bool exact = false;
        std::optional<ComponentTrie> globs;
        std::optional<RegexIndex> regexes;
    };

    [[nodiscard]] uint64_t exact_hash(Field field, std::string_view text) const;
    void find_exact(Field field, const Lookup & lookup, Hits & hits) const;

    KeyedHash hash_;
    std::array<PerField, field_count> fields_;
    FieldMask used_;
    Arena arena_;
    RefTable exact_;
};

}
