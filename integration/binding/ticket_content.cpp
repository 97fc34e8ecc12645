#include <binding/ticket_content.h>

namespace chmtls::host
{
namespace
{

// version (1 octet), then the server name and each certificate, all with a length of three octets.
constexpr unsigned char format_version = 1;
constexpr size_t length_width = 3;

void append(std::vector<unsigned char> & out, const unsigned char * data, size_t size)
{
    for (size_t i = length_width; i-- > 0;)
        out.push_back(static_cast<unsigned char>(size >> (8 * i)));
    out.insert(out.end(), data, data + size);
}

std::optional<chmtls_bytes> take(chmtls_bytes & rest)
{
    if (rest.len < length_width)
        return std::nullopt;
    size_t size = 0;
    for (size_t i = 0; i < length_width; ++i)
        size = size << 8 | rest.data[i];
    rest = {rest.data + length_width, rest.len - length_width};
    if (rest.len < size)
        return std::nullopt;
    const chmtls_bytes taken{rest.data, size};
    rest = {rest.data + size, rest.len - size};
    return taken;
}

}

std::optional<std::vector<unsigned char>> encode(const TicketContent & content)
{
    size_t size = 1 + length_width + content.server_name.size();
    for (const auto & certificate : content.intermediates)
        size += length_width + certificate.len;
    if (size > max_ticket_content)
        return std::nullopt;
    std::vector<unsigned char> out;
    out.reserve(size);
    out.push_back(format_version);
    append(out, reinterpret_cast<const unsigned char *>(content.server_name.data()), content.server_name.size());
    for (const auto & certificate : content.intermediates)
        append(out, certificate.data, certificate.len);
    return out;
}

std::optional<TicketContent> decode(chmtls_bytes bytes)
{
    if (bytes.data == nullptr || bytes.len == 0 || bytes.data[0] != format_version)
        return std::nullopt;
    chmtls_bytes rest{bytes.data + 1, bytes.len - 1};
    const auto name = take(rest);
    if (!name)
        return std::nullopt;
    TicketContent content;
    content.server_name.assign(reinterpret_cast<const char *>(name->data), name->len);
    while (rest.len != 0)
    {
        const auto certificate = take(rest);
        if (!certificate)
            return std::nullopt;
        content.intermediates.push_back(*certificate);
    }
    return content;
}

}
