#pragma once

// What the index keeps of one pattern, and what it reports of a match.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/arena.h"
#include "mapping/pattern.h"

namespace chmtls::mapping
{

/// What whoever fills the index wants to get back. The texts are kept next to the pattern: at a million rules each further place
/// to look at is a wait for memory.
struct Posting
{
    uint32_t number = 0;
    uint32_t detail = 0;
    std::string_view rule; ///< at most 255 bytes
    std::string_view user; ///< at most 65535 bytes
};

/// Head of a record in an arena; pattern, packed components, rule and user follow as text.
struct RecordHead
{
    uint32_t number;
    uint32_t detail;
    Ref next;           ///< in a trie: further patterns that end at the same node
    uint32_t edge_node; ///< in a trie: the node that an edge leads from to this pattern alone
    uint16_t edge_offset;
    uint16_t edge_length;
    uint16_t pattern_length;
    uint16_t user_length;
    uint8_t rule_length;
    uint8_t edge_kind;
    uint8_t field;
    uint8_t packed_length; ///< of the pattern's components, PatternParts::packed(); 0: exact
};
static_assert(sizeof(RecordHead) == 28 && max_pattern_components * sizeof(uint16_t) < 256);

/// A pattern that matches a value. Views into the index and into the values.
struct Hit
{
    uint32_t number;
    uint32_t detail;
    uint32_t order; ///< which value of its field it was
    uint16_t user_length;
    uint16_t pattern_length;
    uint8_t rule_length;
    uint8_t packed_length;
    uint32_t captured; ///< index into Hits::captured(), when detail is not 0
    const char * text; ///< null when the index keeps no record of the pattern (regex)

    [[nodiscard]] std::string_view rule() const { return {text + pattern_length + packed_length, rule_length}; }
    [[nodiscard]] std::string_view user() const { return {rule().data() + rule_length, user_length}; }
};

/// The value that is being looked up.
struct Lookup
{
    std::string_view value;
    uint32_t order = 0;
};

/// `packed` is empty for an exact pattern.
[[nodiscard]] inline Ref
add_record(Arena & arena, Field field, std::string_view pattern, std::string_view packed, const Posting & posting)
{
    RecordHead head{};
    head.number = posting.number;
    head.detail = posting.detail;
    head.field = static_cast<uint8_t>(field);
    head.pattern_length = static_cast<uint16_t>(pattern.size());
    head.packed_length = static_cast<uint8_t>(packed.size());
    head.rule_length = static_cast<uint8_t>(posting.rule.size());
    head.user_length = static_cast<uint16_t>(posting.user.size());
    std::string text(pattern);
    text += packed;
    text += posting.rule;
    text += posting.user;
    return arena.add(head, text);
}

[[nodiscard]] inline Hit hit_of(const Arena & arena, Ref ref, const RecordHead & head, const Lookup & lookup)
{
    Hit hit{};
    hit.number = head.number;
    hit.detail = head.detail;
    hit.order = lookup.order;
    hit.rule_length = head.rule_length;
    hit.user_length = head.user_length;
    hit.pattern_length = head.pattern_length;
    hit.packed_length = head.packed_length;
    hit.text = arena.text<RecordHead>(ref, 1).data();
    return hit;
}

/// Matches found so far, the first few without allocation.
class Hits
{
public:
    Hits() {} // NOLINT(modernize-use-equals-default): few_ stays uninitialised, only its first size_ entries are read

    void add(const Hit & hit)
    {
        if (size_ < few)
            few_[size_++] = hit;
        else
            more_.push_back(hit);
    }

    /// With the texts that the pattern has captured.
    void add(Hit hit, const Captured & captured)
    {
        hit.captured = static_cast<uint32_t>(captured_.size());
        captured_.push_back(captured);
        add(hit);
    }

    [[nodiscard]] const Captured & captured(const Hit & hit) const { return captured_[hit.captured]; }

    [[nodiscard]] size_t size() const { return size_ + more_.size(); }
    // cppcheck-suppress returnTempReference
    [[nodiscard]] const Hit & operator[](size_t i) const { return i < few ? few_[i] : more_[i - few]; }

private:
    static constexpr size_t few = 8;
    size_t size_ = 0;
    std::array<Hit, few> few_;
    std::vector<Hit> more_;
    std::vector<Captured> captured_;
};

}
