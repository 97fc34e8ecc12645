#include "abi/text.h"

#include <cstring>

namespace chmtls::abi
{

void write_text(chmtls_buffer * buffer, std::string_view text) noexcept
{
    if (buffer == nullptr)
        return;
    buffer->needed = text.size() + 1;
    if (buffer->data == nullptr || buffer->capacity == 0)
        return;
    size_t length = text.size();
    if (length >= buffer->capacity)
    {
        length = buffer->capacity - 1;
        const auto continues = [&](size_t at)
        {
            return (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80u;
        };
        while (length > 0 && continues(length))
            --length;
    }
    if (length > 0)
        std::memcpy(buffer->data, text.data(), length);
    buffer->data[length] = '\0';
}

}
