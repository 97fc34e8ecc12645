#pragma once

// Counters of decisions, one per cause. Lock-free.

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/reason.h"

namespace chmtls::observe
{

class Counters
{
public:
    void count_handshake(Reason reason) { bump(handshakes_, reason); }
    void count_login(Reason reason) { bump(logins_, reason); }

    [[nodiscard]] uint64_t handshakes(Reason reason) const { return read(handshakes_, reason); }
    [[nodiscard]] uint64_t logins(Reason reason) const { return read(logins_, reason); }

    /// What was counted, by stable code (reasons that share a code are added up); zeros are left out.
    [[nodiscard]] std::map<std::string_view, uint64_t> handshakes_by_code() const { return by_code(handshakes_); }
    [[nodiscard]] std::map<std::string_view, uint64_t> logins_by_code() const { return by_code(logins_); }

private:
    using Slots = std::array<std::atomic<uint64_t>, static_cast<size_t>(Reason::count)>;
    static void bump(Slots & slots, Reason reason) { slots[static_cast<size_t>(reason)].fetch_add(1, std::memory_order_relaxed); }
    static uint64_t read(const Slots & slots, Reason reason)
    {
        return slots[static_cast<size_t>(reason)].load(std::memory_order_relaxed);
    }
    static std::map<std::string_view, uint64_t> by_code(const Slots & slots);

    Slots handshakes_{};
    Slots logins_{};
};

}
