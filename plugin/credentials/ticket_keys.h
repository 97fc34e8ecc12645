#pragma once

// The life of a session ticket's key: random with each generation, another one every twelve hours, gone with the generation.

#include <array>
#include <optional>

#include "base/secret.h"
#include "base/time.h"

namespace chmtls::credentials
{

/// What the keys of a generation's tickets are derived from. Random, and gone with the generation.
struct TicketKey
{
    std::array<uint8_t, 16> name{};
    SecretBytes aes;  ///< 32 bytes
    SecretBytes hmac; ///< 32 bytes

    [[nodiscard]] static TicketKey random();
};

/// AES-256 and HMAC-SHA-256 keys of session tickets. Wiped when it goes.
struct TicketKeyOfAge
{
    std::array<uint8_t, 16> name{};
    std::array<uint8_t, 32> aes{};
    std::array<uint8_t, 32> hmac{};
    bool renew = false; ///< decrypts, but the ticket is to be replaced by one under the key of this moment

    TicketKeyOfAge() = default;
    ~TicketKeyOfAge();
    TicketKeyOfAge(const TicketKeyOfAge &) = default;
    TicketKeyOfAge & operator=(const TicketKeyOfAge &) = default;
};

/// A key is used for this long; for as long again it decrypts, with `renew`.
inline constexpr std::chrono::hours ticket_key_age{12};

/// The key of this moment (`name` empty), or the one of that name; nothing when the ticket is of another generation or older than
/// two ages. `since`: when the generation was loaded. Lock-free: the keys of each age are derived (libsodium crypto_kdf) from the
/// root.
[[nodiscard]] std::optional<TicketKeyOfAge> ticket_key_at(const TicketKey & root, UnixTime since, ByteView name, UnixTime now);

}
