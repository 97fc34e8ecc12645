#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace chmtls::host
{

/// A const object that many threads read and few replace. Readers take no lock and never wait for a writer: they announce
/// themselves at one of two slots and copy its pointer; a writer fills the other slot and turns readers over to it.
/// (std::atomic<std::shared_ptr> is not lock-free in libstdc++ 12, and thread sanitizers report a race inside it.)
template <class T>
class Published
{
public:
    std::shared_ptr<const T> load() const
    {
        for (;;)
        {
            const auto index = active_.load();
            auto & slot = slots_[index];
            const Visit visit(slot.readers);
            // Only a slot that is active after we announced ourselves cannot be written: a writer waits for its readers.
            if (active_.load() == index)
                return slot.value;
        }
    }

    /// Replaces the object by what `next` makes of the present one; null leaves it. Writers exclude one another, and the former
    /// object is dropped before the return (unless a reader still holds a copy).
    template <class Next>
    void update(Next && next)
    {
        const std::lock_guard lock(writers_);
        const auto from = active_.load();
        auto value = std::forward<Next>(next)(static_cast<const std::shared_ptr<const T> &>(slots_[from].value));
        if (value == nullptr)
            return;
        const auto to = 1 - from;
        await_no_reader(slots_[to]); // one who chose this slot before it was left, and is about to notice
        slots_[to].value = std::move(value);
        active_.store(to);
        await_no_reader(slots_[from]);
        slots_[from].value.reset();
    }

private:
    struct Slot
    {
        std::atomic<size_t> readers{0};
        std::shared_ptr<const T> value;
    };

    class Visit
    {
    public:
        explicit Visit(std::atomic<size_t> & readers) : readers_(readers) { readers_.fetch_add(1); }
        ~Visit() { readers_.fetch_sub(1); }
        Visit(const Visit &) = delete;
        Visit & operator=(const Visit &) = delete;

    private:
        std::atomic<size_t> & readers_;
    };

    static void await_no_reader(const Slot & slot)
    {
        while (slot.readers.load() != 0)
            std::this_thread::yield();
    }

    mutable std::array<Slot, 2> slots_;
    std::atomic<size_t> active_{0};
    std::mutex writers_;
};

}
