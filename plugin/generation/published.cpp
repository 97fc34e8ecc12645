#include "generation/published.h"

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

namespace chmtls::generation
{

namespace
{

constexpr size_t stripes = 64;
constexpr size_t cache_line = 64;

/// Readers that are inside current() right now, by the phase they entered in.
struct alignas(cache_line) Stripe
{
    std::array<std::atomic<uint32_t>, 2> inside{};
};

size_t own_stripe()
{
    static std::atomic<size_t> next{0};
    thread_local const size_t mine = next.fetch_add(1, std::memory_order_relaxed) % stripes;
    return mine;
}

}

/// A small sleepable RCU. A reader counts itself in, loads the slot, copies the shared pointer, counts itself out: no loop, no
/// lock. A writer exchanges the slot and then waits until it has seen each counter at zero once, before it frees the old slot.
///
/// Why that is enough: the reader's increment, its load, and the writer's exchange and loads are sequentially consistent. A
/// reader that got the old slot incremented before the exchange, so the writer's later load sees the increment; a zero can then
/// only mean that the decrement is in it too, and the decrement releases the reader's copy. The two phases exist for progress
/// only: new readers go to the other phase, so that the one being waited for drains.
class Published::Impl
{
public:
    Impl() : slot_(new GenerationPtr()) {}
    ~Impl() { delete slot_.load(); }
    Impl(const Impl &) = delete;
    Impl & operator=(const Impl &) = delete;

    GenerationPtr current()
    {
        std::atomic<uint32_t> & inside = stripes_[own_stripe()].inside[phase_.load(std::memory_order_relaxed)];
        inside.fetch_add(1, std::memory_order_seq_cst);
        GenerationPtr result = *slot_.load(std::memory_order_seq_cst);
        inside.fetch_sub(1, std::memory_order_release);
        return result;
    }

    void publish(GenerationPtr next)
    {
        const std::lock_guard guard(writers_);
        const std::unique_ptr<const GenerationPtr> old(
            slot_.exchange(new GenerationPtr(std::move(next)), std::memory_order_seq_cst));
        for (int turn = 0; turn < 2; ++turn)
        {
            const uint32_t draining = phase_.load(std::memory_order_relaxed);
            phase_.store(draining ^ 1u, std::memory_order_relaxed);
            for (Stripe & stripe : stripes_)
                while (stripe.inside[draining].load(std::memory_order_seq_cst) != 0)
                    std::this_thread::yield();
        }
    }

private:
    std::array<Stripe, stripes> stripes_{};
    std::atomic<uint32_t> phase_{0};
    std::atomic<const GenerationPtr *> slot_;
    std::mutex writers_;
};

Published::Published() : impl_(std::make_unique<Impl>()) {}
Published::~Published() = default;

GenerationPtr Published::current() const
{
    return impl_->current();
}

void Published::publish(GenerationPtr next)
{
    impl_->publish(std::move(next));
}

}
