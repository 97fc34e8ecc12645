#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chmtls
{

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using Digest32 = std::array<uint8_t, 32>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(ByteView bytes)
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// Lower-case hex, no separators.
[[nodiscard]] std::string to_hex(ByteView bytes);

/// Hex of either case, with or without ':' between bytes; false when it is not hex. `out` is replaced.
[[nodiscard]] bool from_hex(std::string_view hex, Bytes & out);

/// BLAKE2b-256 (RFC 7693) of a sequence of parts; each part's length is hashed with it, so ("ab","c") != ("a","bc").
class Digester
{
public:
    Digester();
    ~Digester();
    Digester(Digester &&) noexcept;
    Digester & operator=(Digester &&) noexcept;
    Digester & add(ByteView part);
    Digester & add(std::string_view part) { return add(as_bytes(part)); }
    [[nodiscard]] Digest32 finish();

private:
    struct State;
    std::unique_ptr<State> state_; ///< on the heap: libsodium's is aligned to 64 bytes, which a frame under ASan of g++ 12 is not
};

/// Equality in time that depends on the lengths only.
[[nodiscard]] bool equal_constant_time(ByteView left, ByteView right);

/// Cryptographically strong random bytes.
void fill_random(std::span<uint8_t> out);

}
