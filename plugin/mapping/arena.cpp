#include "mapping/arena.h"

#include <sodium/crypto_shorthash.h>

#include "base/bytes.h"

namespace chmtls::mapping
{

static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == sizeof(uint64_t));

KeyedHash::KeyedHash() : key_{}
{
    fill_random(key_);
}

uint64_t KeyedHash::operator()(std::string_view text) const
{
    uint64_t hash = 0;
    crypto_shorthash(
        reinterpret_cast<unsigned char *>(&hash), reinterpret_cast<const unsigned char *>(text.data()), text.size(), key_.data());
    return hash;
}

}
