#include "behalf/asker.h"

#include <array>

#include <Poco/Exception.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/NumberParser.h>

namespace chmtls::debian
{

namespace
{

// Values in hexadecimal: nothing in a name can end the comment.
constexpr std::string_view head = "/* clickhouse-mtls: asked by ";
constexpr std::string_view tail = " */ ";
constexpr size_t fields = 3;

void append_hex(std::string & text, std::string_view value)
{
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : value)
    {
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4];
        text += digits[byte & 0xF];
    }
}

std::optional<std::string> from_hex(std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    if (text.size() % 2 != 0)
        return std::nullopt;
    std::string value;
    for (size_t at = 0; at < text.size(); at += 2)
    {
        const auto high = digits.find(text[at]);
        const auto low = digits.find(text[at + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos)
            return std::nullopt;
        value += static_cast<char>(high << 4 | low);
    }
    return value;
}

}

std::string with_asker(const Asker & asker, const std::string & query)
{
    std::string text(head);
    append_hex(text, asker.user);
    text += '.';
    append_hex(text, asker.address);
    text += '.';
    append_hex(text, asker.quota_key);
    return text.append(tail).append(query);
}

bool claims_asker(std::string_view query) noexcept
{
    return query.substr(0, head.size()) == head;
}

std::optional<Carried> take_asker(const std::string & query)
{
    if (!claims_asker(query))
        return std::nullopt;
    const auto end = query.find(tail, head.size());
    if (end == std::string::npos)
        return std::nullopt;
    auto rest = std::string_view(query).substr(head.size(), end - head.size());
    std::array<std::string, fields> values;
    for (size_t field = 0; field < fields; ++field)
    {
        const auto dot = rest.find('.');
        if ((dot == std::string_view::npos) != (field + 1 == fields))
            return std::nullopt;
        auto value = from_hex(rest.substr(0, dot));
        if (!value)
            return std::nullopt;
        values[field] = std::move(*value);
        rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
    }
    if (values[0].empty() || values[1].empty())
        return std::nullopt;
    return Carried{{std::move(values[0]), std::move(values[1]), std::move(values[2])}, query.substr(end + tail.size())};
}

Poco::Net::SocketAddress address_of(const Asker & asker)
{
    const auto colon = asker.address.rfind(':');
    unsigned port = 0;
    if (colon == std::string::npos || colon == 0 || !Poco::NumberParser::tryParseUnsigned(asker.address.substr(colon + 1), port)
        || port > 0xFFFF)
        throw Poco::DataFormatException("clickhouse-mtls: who asked came from no address: " + asker.address);
    auto host = asker.address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    return {Poco::Net::IPAddress(host), static_cast<Poco::UInt16>(port)};
}

}
