#include "credentials/ticket_keys.h"

#include <algorithm>
#include <string>

#include <sodium.h>

namespace chmtls::credentials
{

namespace
{

constexpr char context[crypto_kdf_CONTEXTBYTES + 1] = "chmtlsTK";

uint64_t age_at(UnixTime since, UnixTime now)
{
    // A clock that was set back before the load is in the first age.
    return static_cast<uint64_t>(std::max<int64_t>(0, (now - since) / ticket_key_age));
}

bool derive(const TicketKey & root, uint64_t age, TicketKeyOfAge & key)
{
    static_assert(sizeof(key.aes) == crypto_kdf_KEYBYTES && sizeof(key.hmac) == crypto_kdf_KEYBYTES);
    if (root.aes.size() != crypto_kdf_KEYBYTES || root.hmac.size() != crypto_kdf_KEYBYTES)
        return false;
    // The name is public (it stands in front of each ticket), so it is made from public parts.
    const auto name = Digester().add(ByteView(root.name)).add(std::to_string(age)).finish();
    std::copy_n(name.begin(), key.name.size(), key.name.begin());
    return crypto_kdf_derive_from_key(key.aes.data(), key.aes.size(), age, context, root.aes.view().data()) == 0
           && crypto_kdf_derive_from_key(key.hmac.data(), key.hmac.size(), age, context, root.hmac.view().data()) == 0;
}

}

TicketKey TicketKey::random()
{
    TicketKey key;
    fill_random(key.name);
    key.aes = SecretBytes(size_t{crypto_kdf_KEYBYTES});
    key.hmac = SecretBytes(size_t{crypto_kdf_KEYBYTES});
    fill_random(key.aes.mutable_view());
    fill_random(key.hmac.mutable_view());
    return key;
}

TicketKeyOfAge::~TicketKeyOfAge()
{
    wipe(aes);
    wipe(hmac);
}

std::optional<TicketKeyOfAge> ticket_key_at(const TicketKey & root, UnixTime since, ByteView name, UnixTime now)
{
    const uint64_t age = age_at(since, now);
    TicketKeyOfAge key;
    if (!derive(root, age, key))
        return std::nullopt;
    if (name.empty() || equal_constant_time(name, key.name))
        return key;
    if (age > 0 && derive(root, age - 1, key) && equal_constant_time(name, key.name))
    {
        key.renew = true;
        return key;
    }
    return std::nullopt;
}

}
