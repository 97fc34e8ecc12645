#pragma once

// Handles that may be wrong. What the host holds is no address but a number: kind, use of the slot, slot. It is looked up and
// never dereferenced, so one that was ended, or never was one, is told apart and does no harm.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace chmtls::abi
{

/// Live objects of one kind by handle. Never destroyed, never shrinks. Thread-safe.
/// A slot is used again 2^use_bits - 1 times and then never, so a handle that was ended never comes back.
template <typename Object, uint16_t Magic, uint32_t use_bits = 24>
class HandleTable
{
public:
    /// 0 is never a handle. Throws std::bad_alloc.
    [[nodiscard]] uint64_t add(std::shared_ptr<Object> object)
    {
        const uint32_t index = take_index();
        Slot & slot = slot_at(index);
        const std::scoped_lock lock(mutex_of(index));
        slot.object = std::move(object);
        slot.address.store(slot.object.get(), std::memory_order_relaxed);
        const uint32_t use = slot.last_use + 1;
        slot.last_use = use;
        slot.live_use.store(use, std::memory_order_release);
        return handle_of(use, index);
    }

    /// A reference of the caller's own, or null. Also right while another thread ends the handle.
    [[nodiscard]] std::shared_ptr<Object> find(uint64_t handle) noexcept
    {
        Slot * slot = live_slot(handle);
        if (slot == nullptr)
            return nullptr;
        const std::scoped_lock lock(mutex_of(index_of(handle)));
        return slot->live_use.load(std::memory_order_relaxed) == use_of(handle) ? slot->object : nullptr;
    }

    /// Lock-free, for objects that nobody ends while they are used: valid until `remove`.
    [[nodiscard]] Object * peek(uint64_t handle) noexcept
    {
        Slot * slot = live_slot(handle);
        return slot == nullptr ? nullptr : slot->address.load(std::memory_order_relaxed);
    }

    /// Ends the handle and gives back what it stood for; null for all but the first.
    std::shared_ptr<Object> remove(uint64_t handle) noexcept
    {
        Slot * slot = live_slot(handle);
        if (slot == nullptr)
            return nullptr;
        const uint32_t index = index_of(handle);
        std::shared_ptr<Object> object;
        {
            const std::scoped_lock lock(mutex_of(index));
            if (slot->live_use.load(std::memory_order_relaxed) != use_of(handle))
                return nullptr;
            slot->live_use.store(0, std::memory_order_release);
            slot->address.store(nullptr, std::memory_order_relaxed);
            object = std::move(slot->object);
            slot->object.reset();
        }
        // A slot whose uses have run out stays empty: its first handle must not come back to life.
        if (use_of(handle) < max_use)
        {
            const std::scoped_lock lock(free_mutex_);
            free_.push_back(index); // has the room: take_index reserved it
        }
        return object;
    }

private:
    static constexpr uint32_t index_bits = 24;
    static_assert(use_bits <= 24);
    static constexpr uint32_t max_use = (1u << use_bits) - 1;
    static constexpr uint32_t segment_size = 4096;
    static constexpr uint32_t max_segments = (1u << index_bits) / segment_size;
    static constexpr size_t mutex_count = 64;

    struct Slot
    {
        std::atomic<uint32_t> live_use{0}; ///< 0: empty
        uint32_t last_use = 0;
        std::atomic<Object *> address{nullptr};
        std::shared_ptr<Object> object;
    };
    using Segment = std::array<Slot, segment_size>;

    static uint64_t handle_of(uint32_t use, uint32_t index) noexcept
    {
        return static_cast<uint64_t>(Magic) << (index_bits + use_bits) | static_cast<uint64_t>(use) << index_bits | index;
    }
    static uint32_t index_of(uint64_t handle) noexcept { return static_cast<uint32_t>(handle & ((1u << index_bits) - 1)); }
    static uint32_t use_of(uint64_t handle) noexcept { return static_cast<uint32_t>(handle >> index_bits & max_use); }

    std::mutex & mutex_of(uint32_t index) noexcept { return mutexes_[index % mutex_count]; }

    Slot & slot_at(uint32_t index) noexcept
    {
        return (*segments_[index / segment_size].load(std::memory_order_acquire))[index % segment_size];
    }

    /// The slot of a handle that is live now.
    Slot * live_slot(uint64_t handle) noexcept
    {
        if (handle >> (index_bits + use_bits) != Magic || use_of(handle) == 0)
            return nullptr;
        const uint32_t index = index_of(handle);
        if (segments_[index / segment_size].load(std::memory_order_acquire) == nullptr)
            return nullptr;
        Slot & slot = slot_at(index);
        return slot.live_use.load(std::memory_order_acquire) == use_of(handle) ? &slot : nullptr;
    }

    uint32_t take_index()
    {
        const std::scoped_lock lock(free_mutex_);
        if (free_.empty())
            grow();
        const uint32_t index = free_.back();
        free_.pop_back();
        return index;
    }

    void grow()
    {
        if (segment_count_ == max_segments)
            throw std::bad_alloc();
        free_.reserve(static_cast<size_t>(segment_count_ + 1) * segment_size);
        segments_[segment_count_].store(new Segment, std::memory_order_release);
        const uint32_t first = segment_count_ * segment_size;
        for (uint32_t i = segment_size; i > 0; --i)
            free_.push_back(first + i - 1);
        ++segment_count_;
    }

    std::array<std::atomic<Segment *>, max_segments> segments_{};
    std::array<std::mutex, mutex_count> mutexes_;
    std::mutex free_mutex_;
    std::vector<uint32_t> free_;
    uint32_t segment_count_ = 0;
};

}
