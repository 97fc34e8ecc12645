#pragma once

// All patterns with wildcards, found by walking the components of a value.
//
// A node stands for a sequence of components that patterns share: from the left for URIs, from the right for names between dots.
// From a node one goes on by a literal component (a hash lookup), by a wildcard, by a prefix and then a suffix, or into what
// follows "**", which is matched from the other end of the value. A pattern that is alone below a node is not spread into nodes:
// the edge leads to the pattern itself, which is then compared whole. So a lookup costs as many steps as there are levels at
// which patterns still differ, not as many as there are patterns.

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mapping/arena.h"
#include "mapping/components.h"
#include "mapping/pattern_record.h"
#include "mapping/work.h"

namespace chmtls::mapping
{

class ComponentTrie
{
public:
    ComponentTrie(Field field, const KeyedHash & hash);

    /// A checked glob, not twice the same text.
    void insert(std::string_view pattern, const Posting & posting);

    [[nodiscard]] bool empty() const { return patterns_ == 0; }

    /// Adds every pattern that matches, each once. Stops when the budget is spent.
    void find(const Lookup & lookup, Hits & hits, Budget & budget) const;

private:
    /// Where an edge leads: a node, or with leaf_bit a pattern's record.
    using Target = uint32_t;
    static constexpr uint32_t leaf_bit = 1u << 31;
    [[nodiscard]] static bool is_leaf(Target target) { return (target & leaf_bit) != 0; }

    struct Node
    {
        Target wild = 0;       ///< by "*" or "{name}"
        uint32_t rest = 0;     ///< node of what follows "**", from the end backwards
        Ref accept = 0;        ///< patterns that end here, linked by RecordHead::next
        Ref only_literal = 0;  ///< the edge, when there is exactly one
        uint32_t literals = 0; ///< how many
        uint32_t affixes = 0;  ///< index into affixes_: prefixes of partial components; in a half-way node their suffixes
    };

    /// The prefixes of one length that lead on from a node, and which bytes they have next to the '*': most prefixes of a value
    /// are told apart by that byte, without a lookup.
    struct Affixes
    {
        uint16_t length = 0;
        std::bitset<256> next_to_star;
    };

    enum EdgeKind : uint8_t
    {
        literal_edge,
        prefix_edge,
        suffix_edge,
    };

    /// A reference to an edge: to its own record, or, with leaf_bit, to the record of the one pattern that it leads to, which
    /// holds the edge's text anyway.
    using EdgeRef = uint32_t;
    struct EdgeHead
    {
        uint32_t node;
        Target target;
        uint16_t length;
        uint8_t kind;
        uint8_t unused;
    };
    struct Edge
    {
        uint32_t node;
        uint8_t kind;
        Target target;
        std::string_view text;
    };

    /// Components [low, high) are still to be matched.
    struct State
    {
        size_t low;
        size_t high;
        bool backward;        ///< take from the high end
        bool in_rest = false; ///< "**" was passed: what is left over belongs to it
        bool half = false;    ///< the prefix of the next component is matched, its suffix is not
    };

    class Walker;

    [[nodiscard]] Edge edge(EdgeRef ref) const;
    [[nodiscard]] static uint64_t edge_hash(uint32_t node, uint8_t kind, uint64_t text_hash);
    [[nodiscard]] EdgeRef find_edge(uint32_t node, uint8_t kind, std::string_view text, uint64_t text_hash) const;
    [[nodiscard]] std::string_view pattern_text(Ref record) const;
    [[nodiscard]] uint32_t new_node();
    void add_affix(uint32_t node, uint8_t kind, std::string_view text);
    void insert_at(uint32_t node, Ref record, const PatternParts & parts, State state);
    /// Both return the node to go on from, or 0 when the pattern found its place.
    [[nodiscard]] uint32_t take_wild(uint32_t node, Ref record, const PatternParts & parts, const State & behind);
    [[nodiscard]] uint32_t
    take_edge(uint32_t node, uint8_t kind, std::string_view text, Ref record, const PatternParts & parts, const State & behind);
    /// A new node below which the pattern that was alone so far is inserted.
    [[nodiscard]] uint32_t make_room(Target resident, const PatternParts & parts, State behind);

    Field field_;
    Family how_;
    const KeyedHash & hash_;
    size_t patterns_ = 0;
    std::vector<Node> nodes_;
    std::vector<std::vector<Affixes>> affixes_;
    Arena arena_;
    RefTable edges_;
};

}
