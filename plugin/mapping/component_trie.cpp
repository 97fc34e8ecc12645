#include "mapping/component_trie.h"

#include <algorithm>
#include <string>

#include "mapping/pattern.h"

namespace chmtls::mapping
{

ComponentTrie::ComponentTrie(Field field, const KeyedHash & hash)
    : field_(field), how_(family(field)), hash_(hash), nodes_(1), affixes_(1)
{
}

ComponentTrie::Edge ComponentTrie::edge(EdgeRef ref) const
{
    if (is_leaf(ref))
    {
        const Ref record = ref & ~leaf_bit;
        const auto head = arena_.head<RecordHead>(record);
        const std::string_view text = arena_.text<RecordHead>(record, head.pattern_length);
        return {head.edge_node, head.edge_kind, ref, text.substr(head.edge_offset, head.edge_length)};
    }
    const auto head = arena_.head<EdgeHead>(ref);
    return {head.node, head.kind, head.target, arena_.text<EdgeHead>(ref, head.length)};
}

uint64_t ComponentTrie::edge_hash(uint32_t node, uint8_t kind, uint64_t text_hash)
{
    return KeyedHash::mix(text_hash, (uint64_t{kind} << 32) | node);
}

ComponentTrie::EdgeRef ComponentTrie::find_edge(uint32_t node, uint8_t kind, std::string_view text, uint64_t text_hash) const
{
    return edges_.find(
        edge_hash(node, kind, text_hash),
        [&](EdgeRef ref)
        {
            const Edge found = edge(ref);
            return found.node == node && found.kind == kind && found.text == text;
        });
}

std::string_view ComponentTrie::pattern_text(Ref record) const
{
    return arena_.text<RecordHead>(record, arena_.head<RecordHead>(record).pattern_length);
}

uint32_t ComponentTrie::new_node()
{
    nodes_.emplace_back();
    return static_cast<uint32_t>(nodes_.size() - 1);
}

void ComponentTrie::add_affix(uint32_t node, uint8_t kind, std::string_view text)
{
    if (nodes_[node].affixes == 0)
    {
        nodes_[node].affixes = static_cast<uint32_t>(affixes_.size());
        affixes_.emplace_back();
    }
    auto & list = affixes_[nodes_[node].affixes];
    const auto length = static_cast<uint16_t>(text.size());
    auto place = std::lower_bound(
        list.begin(), list.end(), length, [](const Affixes & each, uint16_t wanted) { return each.length < wanted; });
    if (place == list.end() || place->length != length)
        place = list.insert(place, Affixes{length, {}});
    if (!text.empty())
        place->next_to_star.set(static_cast<uint8_t>(kind == prefix_edge ? text.back() : text.front()));
}

void ComponentTrie::insert(std::string_view pattern, const Posting & posting)
{
    PatternParts parts;
    if (!parts.read(how_, pattern))
        return; // a checked glob can always be read
    const Ref record = add_record(arena_, field_, pattern, parts.packed(), posting);
    ++patterns_;
    insert_at(0, record, parts, {0, parts.size(), how_ != Family::slashed});
}

uint32_t ComponentTrie::make_room(Target resident, const PatternParts & parts, State behind)
{
    const uint32_t made = new_node();
    const Ref record = resident & ~leaf_bit;
    const std::string text(pattern_text(record)); // the arena may move
    PatternParts of_resident;
    if (of_resident.read(how_, text))
    {
        // Two patterns that share the way up to here have consumed the same number of components at either end.
        State state = behind;
        state.high = of_resident.size() - (parts.size() - behind.high);
        insert_at(made, record, of_resident, state);
    }
    return made;
}

uint32_t ComponentTrie::take_wild(uint32_t node, Ref record, const PatternParts & parts, const State & behind)
{
    const Target target = nodes_[node].wild;
    if (target == 0)
    {
        nodes_[node].wild = record | leaf_bit;
        return 0;
    }
    if (!is_leaf(target))
        return target;
    const uint32_t made = make_room(target, parts, behind);
    nodes_[node].wild = made;
    return made;
}

uint32_t ComponentTrie::take_edge(
    uint32_t node, uint8_t kind, std::string_view text, Ref record, const PatternParts & parts, const State & behind)
{
    const uint64_t text_hash = hash_(text);
    const uint64_t hash = edge_hash(node, kind, text_hash);
    const EdgeRef found = find_edge(node, kind, text, text_hash);
    if (found != 0 && !is_leaf(found))
        return edge(found).target;
    if (found != 0)
    {
        const auto length = static_cast<uint16_t>(text.size());
        const Ref own = arena_.add(EdgeHead{node, 0, length, kind, 0}, text);
        edges_.replace(hash, found, own);
        if (nodes_[node].only_literal == found)
            nodes_[node].only_literal = own;
        const uint32_t made = make_room(found, parts, behind);
        arena_.set_head(own, EdgeHead{node, made, length, kind, 0});
        return made;
    }

    auto head = arena_.head<RecordHead>(record);
    head.edge_node = node;
    head.edge_kind = kind;
    head.edge_offset = static_cast<uint16_t>(text.data() - parts.text(0).data());
    head.edge_length = static_cast<uint16_t>(text.size());
    arena_.set_head(record, head);
    edges_.insert(
        hash, record | leaf_bit,
        [&](EdgeRef other)
        {
            const Edge known = edge(other);
            return edge_hash(known.node, known.kind, hash_(known.text));
        });
    if (kind == literal_edge)
        nodes_[node].only_literal = ++nodes_[node].literals == 1 ? record | leaf_bit : 0;
    else
        add_affix(node, kind, text);
    return 0;
}

void ComponentTrie::insert_at(uint32_t node, Ref record, const PatternParts & parts, State state)
{
    while (true)
    {
        if (state.low == state.high)
        {
            auto head = arena_.head<RecordHead>(record);
            head.next = nodes_[node].accept;
            arena_.set_head(record, head);
            nodes_[node].accept = record;
            return;
        }
        const size_t index = state.backward ? state.high - 1 : state.low;
        const PartKind kind = parts.kind(index);
        State behind = state;
        if (state.backward)
            --behind.high;
        else
            ++behind.low;
        behind.half = false;

        if (kind == PartKind::rest)
        {
            if (nodes_[node].rest == 0)
            {
                const uint32_t made = new_node();
                nodes_[node].rest = made;
            }
            node = nodes_[node].rest;
            behind.backward = true;
            state = behind;
            continue;
        }
        uint32_t next = 0;
        if (kind == PartKind::wild || kind == PartKind::capture)
            next = take_wild(node, record, parts, behind);
        else if (kind == PartKind::literal)
            next = take_edge(node, literal_edge, parts.text(index), record, parts, behind);
        else if (state.half)
            next = take_edge(node, suffix_edge, parts.suffix(index), record, parts, behind);
        else
        {
            behind = state;
            behind.half = true;
            next = take_edge(node, prefix_edge, parts.prefix(index), record, parts, behind);
        }
        if (next == 0)
            return;
        node = next;
        state = behind;
    }
}

/// One lookup: the value's components and their hashes, each computed once and only when asked for.
class ComponentTrie::Walker
{
public:
    // cppcheck-suppress uninitMemberVar
    Walker(const ComponentTrie & trie, const Lookup & lookup, Hits & hits, Budget & budget)
        : trie_(trie), lookup_(lookup), hits_(hits), budget_(budget)
    {
    }

    void run()
    {
        if (value_.split(trie_.how_, lookup_.value))
            visit(0, {0, value_.size(), trie_.how_ != Family::slashed});
    }

private:
    void visit(uint32_t number, State state)
    {
        if (!budget_.spend(1))
            return;
        const Node & node = trie_.nodes_[number];
        if (node.rest != 0)
            visit(node.rest, {state.low, state.high, true, true});
        if (node.accept != 0 && (state.in_rest ? none_empty(state) : state.low == state.high))
            accept(node);
        if (state.low != state.high)
            step(number, node, state);
    }

    void step(uint32_t number, const Node & node, State state)
    {
        const size_t index = state.backward ? state.high - 1 : state.low;
        const std::string_view component = value_[index];
        State behind = state;
        if (state.backward)
            --behind.high;
        else
            ++behind.low;

        if (node.only_literal != 0)
        {
            const Edge only = trie_.edge(node.only_literal);
            if (only.text == component)
                follow(only.target, behind);
        }
        else if (node.literals != 0)
        {
            if (const EdgeRef found = trie_.find_edge(number, literal_edge, component, hash_of(index)))
                follow(trie_.edge(found).target, behind);
        }
        if (node.wild != 0 && wildcard_can_be(trie_.how_, index, component))
            follow(node.wild, behind);
        if (node.affixes != 0)
            partial(number, node, index, behind);
    }

    void partial(uint32_t number, const Node & node, size_t index, State behind)
    {
        const std::string_view component = value_[index];
        for (const Affixes & before : trie_.affixes_[node.affixes])
        {
            if (before.length >= component.size())
                return;
            if (before.length > 0 && !before.next_to_star[static_cast<uint8_t>(component[before.length - 1u])])
                continue;
            const std::string_view prefix = component.substr(0, before.length);
            const EdgeRef found = look_up(number, prefix_edge, prefix);
            if (found == 0)
                continue;
            if (is_leaf(found))
                compare(found);
            else
                partial_behind(trie_.edge(found).target, index, before.length, behind);
        }
    }

    /// The suffixes that go with a prefix.
    void partial_behind(uint32_t half, size_t index, size_t before, State behind)
    {
        const std::string_view component = value_[index];
        for (const Affixes & after : trie_.affixes_[trie_.nodes_[half].affixes])
        {
            if (before + after.length >= component.size())
                return;
            const std::string_view suffix = component.substr(component.size() - after.length);
            if (!suffix.empty() && !after.next_to_star[static_cast<uint8_t>(suffix.front())])
                continue;
            const EdgeRef found = look_up(half, suffix_edge, suffix);
            if (found == 0)
                continue;
            const std::string_view span = component.substr(before, component.size() - before - after.length);
            if (wildcard_can_be(trie_.how_, index, span))
                follow(trie_.edge(found).target, behind);
        }
    }

    [[nodiscard]] EdgeRef look_up(uint32_t node, uint8_t kind, std::string_view text)
    {
        return budget_.spend(1) ? trie_.find_edge(node, kind, text, trie_.hash_(text)) : 0;
    }

    void follow(Target target, State state)
    {
        if (is_leaf(target))
            compare(target);
        else
            visit(target, state);
    }

    /// A leaf: the whole pattern against the whole value.
    void compare(Target leaf)
    {
        if (budget_.spend(1))
            compare(leaf & ~leaf_bit, trie_.arena_.head<RecordHead>(leaf & ~leaf_bit));
    }

    void compare(Ref record, const RecordHead & head)
    {
        const std::string_view text = trie_.arena_.text<RecordHead>(record, size_t{head.pattern_length} + head.packed_length);
        PatternParts parts;
        parts.unpack(text.substr(0, head.pattern_length), text.substr(head.pattern_length));
        const Hit hit = hit_of(trie_.arena_, record, head, lookup_);
        if (head.detail == 0)
        {
            if (glob_matches(trie_.how_, parts, value_, nullptr))
                hits_.add(hit);
            return;
        }
        Captured captured;
        if (glob_matches(trie_.how_, parts, value_, &captured))
            hits_.add(hit, captured);
    }

    /// Patterns that end here. Behind "**" whatever lies between belongs to it, as long as no segment of it is empty.
    void accept(const Node & node)
    {
        for (Ref record = node.accept; record != 0;)
        {
            const auto head = trie_.arena_.head<RecordHead>(record);
            if (head.detail != 0)
                compare(record, head); // for what it captures
            else
                hits_.add(hit_of(trie_.arena_, record, head, lookup_));
            record = head.next;
        }
    }

    [[nodiscard]] bool none_empty(State state) const
    {
        for (size_t i = state.low; i < state.high; ++i)
            if (value_[i].empty())
                return false;
        return true;
    }

    [[nodiscard]] uint64_t hash_of(size_t index)
    {
        if (!hashed_[index])
        {
            hashes_[index] = trie_.hash_(value_[index]);
            hashed_[index] = true;
        }
        return hashes_[index];
    }

    const ComponentTrie & trie_;
    const Lookup & lookup_;
    Hits & hits_;
    Budget & budget_;
    std::bitset<max_value_components> hashed_;
    uint64_t hashes_[max_value_components]; // read only where hashed_ says so
    ValueComponents value_;
};

void ComponentTrie::find(const Lookup & lookup, Hits & hits, Budget & budget) const
{
    if (!empty())
        Walker(*this, lookup, hits, budget).run();
}

}
