#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace chmtls::gateway
{

/// Passwords that are good once, for one user, and for a short time: what the gateway gives the server for a user whom it asked
/// about, and what the server asks the gateway about. Thread-safe.
class Tokens
{
public:
    using Clock = std::chrono::steady_clock;

    /// 256 random bits, in hexadecimal. Throws std::runtime_error when there is no randomness, std::bad_alloc.
    std::string issue(const std::string & user, Clock::time_point now, std::chrono::milliseconds lifetime);

    /// True once, for the user it was issued for, within its lifetime. Whoever shows a token uses it up. What is compared is
    /// compared in constant time, or by digest.
    bool redeem(std::string_view user, std::string_view token, Clock::time_point now);

    [[nodiscard]] size_t size() const;

private:
    using Digest = std::array<uint8_t, 32>;
    struct Issued
    {
        std::string user;
        Clock::time_point until;
    };
    void forget_expired(Clock::time_point now);

    mutable std::mutex mutex_;
    std::map<Digest, Issued> issued_; // by the token's SHA-256: it is kept nowhere
    std::multimap<Clock::time_point, Digest> by_end_;
};

}
