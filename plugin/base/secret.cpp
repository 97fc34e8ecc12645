#include "base/secret.h"

#include <algorithm>

#include "base/sodium.h"

namespace chmtls
{

SecretBytes::SecretBytes(size_t size)
{
    if (size == 0)
        return;
    require_sodium();
    data_.reset(static_cast<uint8_t *>(sodium_malloc(size)));
    if (!data_)
        throw std::bad_alloc();
    size_ = size;
    sodium_memzero(data_.get(), size_); // sodium_malloc fills with a pattern
}

SecretBytes::SecretBytes(ByteView bytes) : SecretBytes(bytes.size())
{
    std::copy(bytes.begin(), bytes.end(), data_.get());
}

void SecretBytes::Free::operator()(uint8_t * data) const noexcept
{
    sodium_free(data);
}

void wipe(std::span<uint8_t> bytes) noexcept
{
    if (!bytes.empty())
        sodium_memzero(bytes.data(), bytes.size());
}

}
