#include "base/distinguished_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"

namespace chmtls
{

namespace
{

/// Types as RFC 4514 and others write them, whatever their case, and as OpenSSL's short names are.
constexpr std::array<std::pair<std::string_view, std::string_view>, 25> types{{
    {"cn", "CN"},
    {"commonname", "CN"},
    {"o", "O"},
    {"organizationname", "O"},
    {"ou", "OU"},
    {"organizationalunitname", "OU"},
    {"c", "C"},
    {"countryname", "C"},
    {"l", "L"},
    {"localityname", "L"},
    {"st", "ST"},
    {"s", "ST"},
    {"stateorprovincename", "ST"},
    {"street", "street"},
    {"streetaddress", "street"},
    {"dc", "DC"},
    {"domaincomponent", "DC"},
    {"uid", "UID"},
    {"userid", "UID"},
    {"emailaddress", "emailAddress"},
    {"e", "emailAddress"},
    {"serialnumber", "serialNumber"},
    {"sn", "SN"},
    {"gn", "GN"},
    {"title", "title"},
}};

bool is_type_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

int hex_digit(char c)
{
    constexpr std::string_view digits = "0123456789abcdef";
    const size_t at = digits.find(ascii_lower(c));
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// Reads one name from left to right.
class Reader
{
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    std::optional<std::string> read()
    {
        std::string out;
        for (;;)
        {
            const auto type = read_type();
            if (!type)
                return std::nullopt;
            const auto value = read_value();
            if (!value)
                return std::nullopt;
            out += *type + "=" + *value;
            if (rest_.empty())
                return out;
            out += rest_.front(); // ',' or '+'
            rest_.remove_prefix(1);
        }
    }

private:
    void skip_blanks()
    {
        while (!rest_.empty() && rest_.front() == ' ')
            rest_.remove_prefix(1);
    }

    std::optional<std::string> read_type()
    {
        skip_blanks();
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_type_character);
        const std::string type(rest_.begin(), end);
        rest_.remove_prefix(type.size());
        skip_blanks();
        if (type.empty() || !rest_.starts_with('='))
            return std::nullopt;
        rest_.remove_prefix(1);
        skip_blanks();
        const std::string key = ascii_lower(type);
        const auto * known = std::find_if(types.begin(), types.end(), [&](const auto & each) { return each.first == key; });
        return known == types.end() ? type : std::string(known->second);
    }

    /// Up to the separator, which stays.
    std::optional<std::string> read_value()
    {
        if (rest_.starts_with('#'))
            return read_hex();
        std::string value;
        size_t kept = 0; ///< what is behind it are blanks that were not escaped
        while (!rest_.empty() && rest_.front() != ',' && rest_.front() != '+')
        {
            const char c = rest_.front();
            if (c == '\\')
            {
                const auto escaped = read_escape();
                if (!escaped)
                    return std::nullopt;
                value += *escaped;
                kept = value.size();
                continue;
            }
            if (std::string_view("\"<>;").find(c) != std::string_view::npos)
                return std::nullopt;
            rest_.remove_prefix(1);
            value += c;
            kept = c == ' ' ? kept : value.size();
        }
        value.resize(kept);
        if (!is_utf8(value))
            return std::nullopt;
        return escape_attribute_value(value);
    }

    std::optional<char> read_escape()
    {
        rest_.remove_prefix(1);
        if (rest_.empty())
            return std::nullopt;
        const char first = rest_.front();
        if (std::string_view(" \"#+,;<=>\\").find(first) != std::string_view::npos)
        {
            rest_.remove_prefix(1);
            return first;
        }
        const int high = hex_digit(first);
        const int low = rest_.size() > 1 ? hex_digit(rest_[1]) : -1;
        if (high < 0 || low < 0)
            return std::nullopt;
        rest_.remove_prefix(2);
        return static_cast<char>(high << 4 | low);
    }

    std::optional<std::string> read_hex()
    {
        const size_t end = std::min(rest_.find_first_of(",+"), rest_.size());
        std::string hex = ascii_lower(rest_.substr(0, end));
        hex.resize(hex.find_last_not_of(' ') + 1);
        rest_.remove_prefix(end);
        const bool whole = hex.size() > 1 && hex.size() % 2 == 1;
        if (!whole || std::any_of(hex.begin() + 1, hex.end(), [](char c) { return hex_digit(c) < 0; }))
            return std::nullopt;
        return hex;
    }

    std::string_view rest_;
};

void append_hex_pairs(std::string & out, std::string_view bytes)
{
    static constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : bytes)
    {
        const auto byte = static_cast<uint8_t>(c);
        out += '\\';
        out += digits[byte >> 4];
        out += digits[byte & 0x0f];
    }
}

}

std::string escape_attribute_value(std::string_view text)
{
    std::string out;
    for (size_t at = 0; at < text.size();)
    {
        const CodePoint next = decode_utf8(text.substr(at));
        const size_t length = next.length == 0 ? 1 : next.length;
        const std::string_view piece = text.substr(at, length);
        const bool first = at == 0;
        const bool last = at + length == text.size();
        at += length;
        if (next.length == 0 || is_control(next.value))
        {
            append_hex_pairs(out, piece);
            continue;
        }
        const bool special = next.value < 0x80 && std::string_view("\"+,;<>\\").find(piece.front()) != std::string_view::npos;
        if (special || (first && next.value == '#') || ((first || last) && next.value == ' '))
            out += '\\';
        out += piece;
    }
    return out;
}

std::optional<std::string> normal_distinguished_name(std::string_view text)
{
    return Reader(text).read();
}

}
