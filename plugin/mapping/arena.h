#pragma once

// Storage of the index: records packed one behind the other, and a hash table of references to them. A lookup touches one slot
// and one record; at a million rules memory latency is all that costs.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

namespace chmtls::mapping
{

/// Keyed hash (SipHash-2-4 by libsodium) under a random key, so that whoever can have names put into certificates cannot make
/// them collide.
class KeyedHash
{
public:
    KeyedHash(); ///< a fresh random key
    [[nodiscard]] uint64_t operator()(std::string_view text) const;

    /// Joins a hash with a number that no peer chooses.
    [[nodiscard]] static uint64_t mix(uint64_t hash, uint64_t with)
    {
        hash = (hash ^ (with * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
        return hash ^ (hash >> 32);
    }

private:
    std::array<uint8_t, 16> key_;
};

/// Position of a record. 0 is none.
using Ref = uint32_t;

class Arena
{
public:
    Arena() : bytes_(unit) {}

    /// A head and a text behind it; the head has to know the text's length.
    template <typename Head>
    Ref add(const Head & head, std::string_view text)
    {
        static_assert(std::is_trivially_copyable_v<Head>);
        const size_t at = bytes_.size();
        const size_t size = (sizeof(Head) + text.size() + unit - 1) / unit * unit;
        bytes_.resize(at + size);
        std::memcpy(&bytes_[at], &head, sizeof(Head));
        if (!text.empty())
            std::memcpy(&bytes_[at + sizeof(Head)], text.data(), text.size());
        return static_cast<Ref>(at / unit);
    }

    template <typename Head>
    [[nodiscard]] Head head(Ref ref) const
    {
        Head head;
        std::memcpy(&head, &bytes_[size_t{ref} * unit], sizeof(Head));
        return head;
    }

    template <typename Head>
    void set_head(Ref ref, const Head & head)
    {
        std::memcpy(&bytes_[size_t{ref} * unit], &head, sizeof(Head));
    }

    template <typename Head>
    [[nodiscard]] std::string_view text(Ref ref, size_t length) const
    {
        return {reinterpret_cast<const char *>(&bytes_[size_t{ref} * unit]) + sizeof(Head), length};
    }

private:
    static constexpr size_t unit = 8;
    std::vector<std::byte> bytes_;
};

/// Open addressing, linear probing, at most half full.
class RefTable
{
public:
    /// The record with this hash for which `equals(ref)` holds; 0 when there is none.
    template <typename Equals>
    [[nodiscard]] Ref find(uint64_t hash, Equals equals) const
    {
        if (slots_.empty())
            return 0;
        const size_t mask = slots_.size() - 1;
        const uint32_t tag = tag_of(hash);
        for (size_t i = hash & mask;; i = (i + 1) & mask)
        {
            const Slot & slot = slots_[i];
            if (slot.ref == 0)
                return 0;
            if (slot.tag == tag && equals(slot.ref))
                return slot.ref;
        }
    }

    /// `hash_of(ref)` gives the hash of a record again when the table grows.
    template <typename HashOf>
    void insert(uint64_t hash, Ref ref, HashOf hash_of)
    {
        if ((used_ + 1) * 2 > slots_.size())
            grow(hash_of);
        place(hash, ref);
        ++used_;
    }

    /// Puts another record with the same hash in the place of one.
    void replace(uint64_t hash, Ref old, Ref by)
    {
        const size_t mask = slots_.size() - 1;
        size_t i = hash & mask;
        while (slots_[i].ref != old)
            i = (i + 1) & mask;
        slots_[i].ref = by;
    }

private:
    struct Slot
    {
        uint32_t tag = 0;
        Ref ref = 0;
    };

    [[nodiscard]] static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

    void place(uint64_t hash, Ref ref)
    {
        const size_t mask = slots_.size() - 1;
        size_t i = hash & mask;
        while (slots_[i].ref != 0)
            i = (i + 1) & mask;
        slots_[i] = {tag_of(hash), ref};
    }

    template <typename HashOf>
    void grow(HashOf hash_of)
    {
        std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
        old.swap(slots_);
        for (const Slot & slot : old)
            if (slot.ref != 0)
                place(hash_of(slot.ref), slot.ref);
    }

    std::vector<Slot> slots_;
    size_t used_ = 0;
};

}
