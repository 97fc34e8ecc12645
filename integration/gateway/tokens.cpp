#include "tokens.h"

#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace chmtls::gateway
{
namespace
{

std::string in_hex(const std::array<uint8_t, 32> & bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const auto byte : bytes)
        text.append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    return text;
}

std::array<uint8_t, 32> digest_of(std::string_view token)
{
    std::array<uint8_t, 32> digest{};
    if (EVP_Q_digest(nullptr, "SHA256", nullptr, token.data(), token.size(), digest.data(), nullptr) != 1)
        throw std::runtime_error("OpenSSL computes no SHA-256");
    return digest;
}

bool same(std::string_view left, std::string_view right)
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}

std::string Tokens::issue(const std::string & user, Clock::time_point now, std::chrono::milliseconds lifetime)
{
    std::array<uint8_t, 32> bytes{};
    if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("OpenSSL has no random bytes");
    auto token = in_hex(bytes);
    const auto digest = digest_of(token);
    const std::lock_guard lock(mutex_);
    forget_expired(now);
    issued_.emplace(digest, Issued{user, now + lifetime});
    by_end_.emplace(now + lifetime, digest);
    return token;
}

bool Tokens::redeem(std::string_view user, std::string_view token, Clock::time_point now)
{
    const auto digest = digest_of(token);
    const std::lock_guard lock(mutex_);
    forget_expired(now);
    const auto found = issued_.find(digest);
    if (found == issued_.end())
        return false;
    const bool well = same(found->second.user, user);
    issued_.erase(found); // its place among the ends goes with its time
    return well;
}

size_t Tokens::size() const
{
    const std::lock_guard lock(mutex_);
    return issued_.size();
}

void Tokens::forget_expired(Clock::time_point now)
{
    const auto end = by_end_.upper_bound(now);
    for (auto each = by_end_.begin(); each != end; ++each)
        issued_.erase(each->second);
    by_end_.erase(by_end_.begin(), end);
}

}
