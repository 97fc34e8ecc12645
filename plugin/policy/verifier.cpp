#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include <sodium.h>

#include "policy/verify.h"

namespace chmtls::policy
{

namespace
{

constexpr size_t ways = 8;
constexpr size_t shards = 64;
/// Chains beyond this are judged each time: nothing real is so long, and memory stays bounded.
constexpr size_t max_remembered_chain = 16u << 10;
constexpr size_t max_bytes_per_set = 64u << 10;
/// Trust is looked at again this often, even when nothing seems to have changed.
constexpr std::chrono::seconds max_age{60};

/// What makes two queries differ, in few bytes: the end of each DER is its signature. Never decides alone: a hit is compared byte
/// by byte. Keyed and random per process, so that nobody can aim at a set.
class Fingerprinter
{
public:
    Fingerprinter() { fill_random(key_); }

    [[nodiscard]] uint64_t operator()(const PeerQuery & query) const
    {
        constexpr size_t tail = 64;
        constexpr size_t name = 64;
        std::array<uint8_t, 64 + (max_chain_length * (tail + 8)) + (name + 8)> buffer;
        size_t used = 0;
        const auto add = [&](ByteView bytes, size_t limit)
        {
            const uint64_t size = bytes.size();
            std::memcpy(buffer.data() + used, &size, sizeof size);
            used += sizeof size;
            const auto part = bytes.last(std::min(bytes.size(), limit));
            if (!part.empty())
                std::memcpy(buffer.data() + used, part.data(), part.size());
            used += part.size();
        };
        buffer[used++] = static_cast<uint8_t>(query.role);
        buffer[used++] = static_cast<uint8_t>(query.purpose);
        add(as_bytes(query.role == PeerRole::client ? query.listener : query.expected_name), name);
        for (const auto & der : query.chain)
            add(der, tail);

        std::array<uint8_t, crypto_shorthash_BYTES> hash{};
        crypto_shorthash(hash.data(), buffer.data(), used, key_.data());
        uint64_t value = 0;
        std::memcpy(&value, hash.data(), sizeof value);
        return value;
    }

private:
    std::array<uint8_t, crypto_shorthash_KEYBYTES> key_{};
};

struct Entry
{
    uint64_t fingerprint = 0;
    uint64_t generation = 0; ///< 0: empty
    IdentityPtr identity;
    UnixTime judged_at{};
    size_t bytes = 0;

    [[nodiscard]] bool current(uint64_t number, UnixTime now) const
    {
        // A chain that was valid at judged_at is valid until valid_until; before judged_at (the clock was set back) it may not
        // be.
        return generation == number && judged_at <= now && now - judged_at < max_age && now < identity->valid_until;
    }

    [[nodiscard]] bool same(const PeerQuery & query) const
    {
        if (!identity->met.are_those_of(query) || identity->sent.size() != query.chain.size())
            return false;
        for (size_t i = 0; i < query.chain.size(); ++i)
        {
            const auto der = identity->sent[i].der();
            if (der.size() != query.chain[i].size() || std::memcmp(der.data(), query.chain[i].data(), der.size()) != 0)
                return false;
        }
        return true;
    }
};

using Set = std::array<Entry, ways>;

size_t total_bytes(std::span<const ByteView> chain)
{
    size_t total = 0;
    for (const auto & der : chain)
        total += der.size();
    return total;
}

/// Room for `bytes` more in the set: entries go, the oldest first, until they fit. Gives the entry to be written.
Entry & make_room(Set & set, uint64_t number, UnixTime now, size_t bytes)
{
    for (auto & entry : set)
    {
        if (entry.generation != 0 && !entry.current(number, now))
            entry = {};
    }
    for (;;)
    {
        size_t used = 0;
        Entry * empty = nullptr;
        Entry * oldest = nullptr;
        for (auto & entry : set)
        {
            if (entry.generation == 0)
            {
                empty = &entry;
                continue;
            }
            used += entry.bytes;
            if (oldest == nullptr || entry.judged_at < oldest->judged_at)
                oldest = &entry;
        }
        if (empty != nullptr && used + bytes <= max_bytes_per_set)
            return *empty;
        *oldest = {}; // there is one: an empty set has room for any chain that is remembered
    }
}

}

/// Set-associative: the fingerprint picks a set, a set holds a few entries, one short mutex guards every 64th set. Reloads never
/// come here: an entry of another generation is simply no hit, and is the first to go.
class Verifier::Impl
{
public:
    explicit Impl(size_t capacity) : sets_(std::max<size_t>(1, (capacity + ways - 1) / ways)) {}

    /// The remembered one, or what `judge` says.
    template <typename Judge>
    PeerVerdict verdict(const generation::Generation & generation, const PeerQuery & query, UnixTime now, const Judge & judge)
    {
        // A candidate that was never published has no number that would tell it from another.
        if (generation.number == 0 || query.chain.empty() || query.chain.size() > max_chain_length)
            return judge();
        const uint64_t fingerprint = fingerprinter_(query);
        if (const auto identity = find(fingerprint, query, generation.number, now))
            return {Reason::valid, {}, identity, identity->valid_until, false};
        auto verdict = judge();
        if (verdict.accepted())
            remember(fingerprint, query, generation.number, now, verdict.identity);
        return verdict;
    }

private:
    IdentityPtr find(uint64_t fingerprint, const PeerQuery & query, uint64_t number, UnixTime now)
    {
        const size_t index = fingerprint % sets_.size();
        const std::scoped_lock lock(mutexes_[index % shards]);
        for (const auto & entry : sets_[index])
        {
            if (entry.fingerprint == fingerprint && entry.current(number, now) && entry.same(query))
                return entry.identity;
        }
        return nullptr;
    }

    void remember(uint64_t fingerprint, const PeerQuery & query, uint64_t number, UnixTime now, const IdentityPtr & identity)
    {
        const size_t bytes = total_bytes(query.chain);
        if (bytes > max_remembered_chain)
            return;
        Entry fresh{fingerprint, number, identity, now, bytes};
        const size_t index = fingerprint % sets_.size();
        const std::scoped_lock lock(mutexes_[index % shards]);
        auto & set = sets_[index];
        for (auto & entry : set)
        {
            // Another thread judged the same chain meanwhile, or it is 60 s old: never two entries for one.
            if (entry.fingerprint == fingerprint)
                entry = {};
        }
        make_room(set, number, now, bytes) = std::move(fresh);
    }

    Fingerprinter fingerprinter_;
    std::vector<Set> sets_;
    std::array<std::mutex, shards> mutexes_;
};

Verifier::Verifier(size_t capacity) : impl_(std::make_unique<Impl>(capacity)) {}

Verifier::~Verifier() = default;

PeerVerdict Verifier::verify(const generation::GenerationPtr & generation, const PeerQuery & query, UnixTime now)
{
    return impl_->verdict(*generation, query, now, [&] { return verify_peer(*generation, query, now); });
}

Standing Verifier::standing_of(const generation::Generation & generation, const IdentityPtr & shown, UnixTime now)
{
    return policy::standing_of(
        generation, shown, now,
        [&](const Identity & identity) {
            return impl_->verdict(generation, identity.question(), now, [&] { return verify_again(generation, identity, now); });
        });
}

}
