#include "abi/ticket_keys.h"

#include <algorithm>
#include <string>

#include <sodium.h>

namespace chmtls::abi
{

namespace
{

constexpr char context[crypto_kdf_CONTEXTBYTES + 1] = "chmtlsTK";

uint64_t age_at(const generation::Generation & generation, UnixTime now)
{
    // A clock that was set back before the load is in the first age.
    return static_cast<uint64_t>(std::max<int64_t>(0, (now - generation.loaded_at) / ticket_key_age));
}

bool derive(const generation::TicketKey & root, uint64_t age, chmtls_ticket_key & key)
{
    static_assert(sizeof(key.aes_key) == crypto_kdf_KEYBYTES && sizeof(key.hmac_key) == crypto_kdf_KEYBYTES);
    if (root.aes.size() != crypto_kdf_KEYBYTES || root.hmac.size() != crypto_kdf_KEYBYTES)
        return false;
    // The name is public (it stands in front of each ticket), so it is made from public parts.
    const auto name = Digester().add(ByteView(root.name)).add(std::to_string(age)).finish();
    std::copy_n(name.begin(), sizeof(key.name), key.name);
    return crypto_kdf_derive_from_key(key.aes_key, sizeof(key.aes_key), age, context, root.aes.view().data()) == 0
           && crypto_kdf_derive_from_key(key.hmac_key, sizeof(key.hmac_key), age, context, root.hmac.view().data()) == 0;
}

}

std::optional<chmtls_ticket_key> ticket_key_at(const generation::Generation & generation, ByteView name, UnixTime now)
{
    const uint64_t age = age_at(generation, now);
    chmtls_ticket_key key{};
    if (!derive(generation.ticket_key, age, key))
        return std::nullopt;
    if (name.empty() || equal_constant_time(name, key.name))
        return key;
    if (age > 0 && derive(generation.ticket_key, age - 1, key) && equal_constant_time(name, key.name))
    {
        key.renew = 1;
        return key;
    }
    wipe({reinterpret_cast<uint8_t *>(&key), sizeof key});
    return std::nullopt;
}

}
