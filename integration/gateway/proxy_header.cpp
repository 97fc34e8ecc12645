#include "proxy_header.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "address.h"

namespace chmtls::gateway
{
namespace
{

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view first_version = "PROXY ";
constexpr size_t first_read = 8; // no header of either version is shorter
constexpr size_t max_line = 107; // of version 1, CR LF included
constexpr size_t fixed_part = 16;

constexpr uint8_t type_crc32c = 0x03;
constexpr uint8_t type_tls = 0x20;
constexpr uint8_t type_certificate = 0x28;
constexpr uint8_t flag_tls = 0x01;
constexpr uint8_t flags_certificate = 0x02 | 0x04; // shown on this connection, or on this session

ProxyParse refused(std::string_view fault)
{
    ProxyParse parse;
    parse.state = ProxyState::refused;
    parse.fault = fault;
    return parse;
}

ProxyParse needs(size_t bytes)
{
    ProxyParse parse;
    parse.needs = bytes;
    return parse;
}

ProxyParse complete(ProxyHeader header)
{
    ProxyParse parse;
    parse.state = ProxyState::complete;
    parse.header = std::move(header);
    return parse;
}

uint8_t byte_at(std::string_view bytes, size_t at)
{
    return static_cast<uint8_t>(bytes[at]);
}

uint16_t number_at(std::string_view bytes, size_t at)
{
    return static_cast<uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::string_view take_word(std::string_view & rest)
{
    const auto end = rest.find(' ');
    const auto word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return word;
}

std::optional<uint16_t> port_of(std::string_view digits)
{
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool canonical = digits.size() == 1 || !digits.starts_with('0');
    return error == std::errc{} && end == digits.data() + digits.size() && canonical ? std::optional(port) : std::nullopt;
}

bool is_of_family(std::string_view address, bool v6)
{
    return is_address(std::string(address)) && (address.find(':') != std::string_view::npos) == v6;
}

ProxyParse parse_line(std::string_view line)
{
    line.remove_prefix(first_version.size());
    const auto family = take_word(line);
    if (family == "UNKNOWN")
        return complete({});
    const bool v6 = family == "TCP6";
    if (!v6 && family != "TCP4")
        return refused("a PROXY line of a family that is not known");
    const auto source = take_word(line);
    const auto destination = take_word(line);
    const auto source_port = port_of(take_word(line));
    const auto destination_port = port_of(line);
    if (!is_of_family(source, v6) || !is_of_family(destination, v6) || !source_port || !destination_port)
        return refused("a PROXY line whose addresses or ports cannot be read");
    ProxyHeader header;
    header.address = to_text(HostPort{std::string(source), *source_port});
    return complete(std::move(header));
}

ProxyParse parse_first_version(std::string_view bytes)
{
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos)
    {
        if (bytes.size() >= max_line)
            return refused("a PROXY line without an end");
        return needs(bytes.ends_with('\r') ? 1 : 2); // at least CR LF follow
    }
    if (end + 1 != bytes.size() || end == 0 || bytes[end - 1] != '\r' || bytes.size() > max_line)
        return refused("a PROXY line that does not end with CR LF");
    return parse_line(bytes.substr(0, end - 1));
}

/// Calls `each(type, value)`; false: the lengths do not add up, or `each` said so.
template <class Each>
bool for_each_tlv(std::string_view bytes, Each each)
{
    while (!bytes.empty())
    {
        if (bytes.size() < 3)
            return false;
        const size_t length = number_at(bytes, 1);
        if (bytes.size() - 3 < length || !each(byte_at(bytes, 0), bytes.substr(3, length)))
            return false;
        bytes.remove_prefix(3 + length);
    }
    return true;
}

/// The certificate of a TLS TLV counts when TLS was there, the client showed it, and the proxy found nothing wrong.
bool read_tls(std::string_view value, ProxyHeader & header)
{
    if (value.size() < 5)
        return false;
    const auto flags = byte_at(value, 0);
    const bool verified = value.substr(1, 4) == std::string_view("\0\0\0\0", 4);
    const bool counts = (flags & flag_tls) != 0 && (flags & flags_certificate) != 0 && verified;
    bool seen = false;
    return for_each_tlv(
        value.substr(5),
        [&](uint8_t type, std::string_view certificate)
        {
            if (type != type_certificate)
                return true;
            if (seen)
                return false;
            seen = true;
            if (counts)
                header.certificate = certificate;
            return true;
        });
}

bool crc_is_right(std::string_view bytes, std::string_view value)
{
    if (value.size() != 4)
        return false;
    std::string zeroed(bytes);
    const auto at = static_cast<size_t>(value.data() - bytes.data());
    zeroed.replace(at, 4, 4, '\0');
    const uint32_t said = static_cast<uint32_t>(number_at(value, 0)) << 16 | number_at(value, 2);
    return crc32c(zeroed) == said;
}

std::string address_at(std::string_view addresses, bool v6)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::inet_ntop(v6 ? AF_INET6 : AF_INET, addresses.data(), text.data(), text.size()) == nullptr)
        return {};
    return to_text(HostPort{text.data(), number_at(addresses, v6 ? 32 : 8)});
}

/// How many bytes the addresses of a family take (2.2); nothing: it is not known.
std::optional<size_t> size_of_addresses(uint8_t family)
{
    switch (family)
    {
    case 0x00: // unspecified
        return 0;
    case 0x11:
    case 0x12:
        return 12;
    case 0x21:
    case 0x22:
        return 36;
    case 0x31:
    case 0x32:
        return 216;
    default:
        return std::nullopt;
    }
}

ProxyParse parse_body(std::string_view bytes)
{
    ProxyHeader header;
    header.local = (byte_at(bytes, 12) & 0x0F) == 0;
    const auto family = byte_at(bytes, 13);
    const auto body = bytes.substr(fixed_part);
    const auto addresses = size_of_addresses(family);
    if (!addresses || body.size() < *addresses)
        return refused("a PROXY header whose addresses cannot be read");
    if (*addresses == 12 || *addresses == 36)
        header.address = address_at(body, *addresses == 36);
    bool tls = false;
    bool crc = false;
    const bool well = for_each_tlv(
        body.substr(*addresses),
        [&](uint8_t type, std::string_view value)
        {
            if (type == type_tls)
                return !std::exchange(tls, true) && read_tls(value, header);
            if (type == type_crc32c)
                return !std::exchange(crc, true) && crc_is_right(bytes, value);
            return true;
        });
    if (!well)
        return refused("a PROXY header whose TLVs cannot be read, or whose checksum is wrong");
    if (header.local)
        header = ProxyHeader{true, {}, {}};
    return complete(std::move(header));
}

ProxyParse parse_second_version(std::string_view bytes)
{
    if (bytes.size() < fixed_part)
        return signature.starts_with(bytes.substr(0, signature.size())) ? needs(fixed_part - bytes.size())
                                                                        : refused("no PROXY header");
    const auto version = byte_at(bytes, 12);
    if (!bytes.starts_with(signature) || (version & 0xF0) != 0x20 || (version & 0x0F) > 1)
        return refused("a PROXY header of a version or command that is not known");
    const size_t whole = fixed_part + number_at(bytes, 14);
    if (whole > max_proxy_header_bytes)
        return refused("a PROXY header of more than 16 KiB");
    if (bytes.size() < whole)
        return needs(whole - bytes.size());
    return bytes.size() > whole ? refused("more bytes than the PROXY header has") : parse_body(bytes);
}

}

uint32_t crc32c(std::string_view bytes)
{
    constexpr uint32_t reversed_polynomial = 0x82F63B78;
    uint32_t crc = ~0U;
    for (const char c : bytes)
    {
        crc ^= static_cast<uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? reversed_polynomial : 0U);
    }
    return ~crc;
}

ProxyParse parse_proxy_header(std::string_view bytes)
{
    if (bytes.size() < first_read)
        return needs(first_read - bytes.size());
    if (bytes.starts_with(first_version))
        return parse_first_version(bytes);
    return parse_second_version(bytes);
}

}
