#include "base/bytes.h"

#include "base/sodium.h"

namespace chmtls
{

namespace
{

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

}

std::string to_hex(ByteView bytes)
{
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const uint8_t byte : bytes)
    {
        out += digits[byte >> 4];
        out += digits[byte & 0x0f];
    }
    return out;
}

bool from_hex(std::string_view hex, Bytes & out)
{
    out.clear();
    size_t at = 0;
    while (at < hex.size())
    {
        if (!out.empty() && hex[at] == ':')
            ++at;
        if (hex.size() - at < 2)
            return false;
        const int high = hex_value(hex[at]);
        const int low = hex_value(hex[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out.push_back(static_cast<uint8_t>(high << 4 | low));
        at += 2;
    }
    return true;
}

struct Digester::State
{
    crypto_generichash_blake2b_state hash;
};

Digester::Digester() : state_(std::make_unique<State>())
{
    crypto_generichash_blake2b_init(&state_->hash, nullptr, 0, sizeof(Digest32));
}

Digester::~Digester() = default;
Digester::Digester(Digester &&) noexcept = default;
Digester & Digester::operator=(Digester &&) noexcept = default;

Digester & Digester::add(ByteView part)
{
    std::array<uint8_t, 8> length{};
    uint64_t rest = part.size();
    for (uint8_t & byte : length)
    {
        byte = static_cast<uint8_t>(rest & 0xff);
        rest >>= 8;
    }
    crypto_generichash_blake2b_update(&state_->hash, length.data(), length.size());
    if (!part.empty())
        crypto_generichash_blake2b_update(&state_->hash, part.data(), part.size());
    return *this;
}

Digest32 Digester::finish()
{
    Digest32 digest{};
    crypto_generichash_blake2b_final(&state_->hash, digest.data(), digest.size());
    return digest;
}

bool equal_constant_time(ByteView left, ByteView right)
{
    return left.size() == right.size() && (left.empty() || sodium_memcmp(left.data(), right.data(), left.size()) == 0);
}

void fill_random(std::span<uint8_t> out)
{
    require_sodium();
    if (!out.empty())
        randombytes_buf(out.data(), out.size());
}

}
