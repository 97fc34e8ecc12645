#include "faults/injection.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <execinfo.h>

namespace chmtls::test
{
namespace
{

struct Plan
{
    std::atomic<bool> active{false};
    std::atomic<uint64_t> calls{0};
    std::atomic<bool> fired{false};
    Resource resource = Resource::memory;
    uint64_t nth = 0;
    int error = 0;
    Failing failing = Failing::one;
    Whose whose = Whose::this_thread;
};

constinit Plan plan;
constinit thread_local bool owner = false;

/// Filled while places are sought; nothing in it allocates.
struct Places
{
    static constexpr size_t size = 1u << 16;
    static constexpr int depth = 12;
    std::array<uint64_t, size> seen; ///< hashes, 0: empty
    std::array<uint64_t, size> calls;
    size_t found;
    bool active;
    bool inside; ///< backtrace may allocate
    uint64_t call;
    Resource resource;
};

constinit Places places{};

void note_place() noexcept
{
    ++places.call;
    void * frames[Places::depth];
    places.inside = true;
    const int count = ::backtrace(frames, Places::depth);
    places.inside = false;
    uint64_t hash = 1469598103934665603u;
    for (int i = 2; i < count; ++i)
        hash = (hash ^ reinterpret_cast<uintptr_t>(frames[i])) * 1099511628211u;
    hash |= 1u;
    for (size_t at = hash % Places::size;; at = (at + 1) % Places::size)
    {
        if (places.seen[at] == hash)
            return;
        if (places.seen[at] != 0)
            continue;
        if (places.found + 1 >= Places::size / 2)
            std::abort(); // the table is too small for this test
        places.seen[at] = hash;
        places.calls[places.found++] = places.call;
        return;
    }
}

bool hit(uint64_t call) noexcept
{
    switch (plan.failing)
    {
    case Failing::one:
        return call == plan.nth;
    case Failing::from_then_on:
        return call >= plan.nth;
    case Failing::every:
        return call % plan.nth == 0;
    }
    return false;
}

}

Injection::Injection(Resource resource, uint64_t nth, int error, Failing failing, Whose whose) noexcept
{
    if (plan.active)
        std::abort(); // a test within a test
    plan.resource = resource;
    plan.nth = nth;
    plan.error = error;
    plan.failing = failing;
    plan.whose = whose;
    plan.calls = 0;
    plan.fired = false;
    owner = true;
    plan.active = true;
}

Injection::~Injection()
{
    plan.active = false;
    owner = false;
}

void Injection::pause() const noexcept
{
    plan.active = false;
}

void Injection::resume() const noexcept
{
    plan.active = true;
}

uint64_t Injection::calls() const noexcept
{
    return plan.calls;
}

bool Injection::fired() const noexcept
{
    return plan.fired;
}

std::vector<uint64_t> first_calls_from_each_place(Resource resource, const std::function<void()> & body)
{
    void * frame[1];
    static_cast<void>(::backtrace(frame, 1)); // loads what it needs
    places.seen.fill(0);
    places.found = 0;
    places.call = 0;
    places.resource = resource;
    owner = true;
    places.active = true;
    body();
    places.active = false;
    owner = false;
    return {places.calls.begin(), places.calls.begin() + static_cast<ptrdiff_t>(places.found)};
}

bool must_fail(Resource resource) noexcept
{
    if (places.active && owner && !places.inside && places.resource == resource)
        note_place();
    if (!plan.active || plan.resource != resource || owner != (plan.whose == Whose::this_thread))
        return false;
    if (!hit(plan.calls.fetch_add(1) + 1))
        return false;
    plan.fired = true;
    errno = plan.error;
    return true;
}

}
