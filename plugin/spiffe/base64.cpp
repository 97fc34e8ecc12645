#include "spiffe/base64.h"

namespace chmtls::spiffe
{

namespace
{

struct Alphabet
{
    char sixty_two;
    char sixty_three;
};

int value_of(char c, Alphabet alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == alphabet.sixty_two)
        return 62;
    return c == alphabet.sixty_three ? 63 : -1;
}

/// `text` without padding.
std::optional<Bytes> decode(std::string_view text, Alphabet alphabet)
{
    if (text.size() % 4 == 1)
        return std::nullopt;
    Bytes out;
    out.reserve(text.size() / 4 * 3 + 2);
    uint32_t pending = 0;
    unsigned bits = 0;
    for (const char c : text)
    {
        const int value = value_of(c, alphabet);
        if (value < 0)
            return std::nullopt;
        pending = (pending << 6) | static_cast<uint32_t>(value);
        bits += 6;
        if (bits >= 8)
        {
            bits -= 8;
            out.push_back(static_cast<uint8_t>(pending >> bits));
            pending &= (1u << bits) - 1;
        }
    }
    if (pending != 0)
        return std::nullopt;
    return out;
}

}

std::optional<Bytes> decode_base64(std::string_view text)
{
    if (text.size() % 4 != 0)
        return std::nullopt;
    for (int i = 0; i < 2 && text.ends_with('='); ++i)
        text.remove_suffix(1);
    return decode(text, {'+', '/'});
}

std::optional<Bytes> decode_base64url(std::string_view text)
{
    return decode(text, {'-', '_'});
}

}
