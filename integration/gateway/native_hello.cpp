#include "native_hello.h"

#include <array>
#include <optional>

namespace chmtls::gateway
{
namespace
{

constexpr std::string_view interserver_marker = " INTERSERVER SECRET ";

void append_varuint(std::string & out, uint64_t value)
{
    while (value >= 0x80)
    {
        out.push_back(static_cast<char>((value & 0x7f) | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

void append_string(std::string & out, std::string_view text)
{
    append_varuint(out, text.size());
    out.append(text);
}

/// Reads from the front; after the first failure nothing more is read.
class Reader
{
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    uint64_t varuint()
    {
        uint64_t value = 0;
        for (unsigned shift = 0; state_ == HelloState::complete; shift += 7)
        {
            if (at_ == bytes_.size())
            {
                state_ = HelloState::incomplete;
                break;
            }
            const auto byte = static_cast<uint8_t>(bytes_[at_++]);
            if (shift == 63 && byte > 1)
            {
                refuse("a number that does not fit 64 bits");
                break;
            }
            value |= static_cast<uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0)
                return value;
        }
        return 0;
    }

    std::string_view string()
    {
        const auto size = varuint();
        if (state_ != HelloState::complete)
            return {};
        if (size > max_hello_string)
        {
            refuse("a string of more than 4096 bytes");
            return {};
        }
        if (bytes_.size() - at_ < size)
        {
            state_ = HelloState::incomplete;
            return {};
        }
        const auto text = bytes_.substr(at_, size);
        at_ += size;
        return text;
    }

    void refuse(std::string_view fault)
    {
        state_ = HelloState::refused;
        fault_ = fault;
    }

    [[nodiscard]] size_t at() const { return at_; }
    [[nodiscard]] HelloState state() const { return state_; }
    [[nodiscard]] std::string_view fault() const { return fault_; }

private:
    std::string_view bytes_;
    size_t at_ = 0;
    HelloState state_ = HelloState::complete;
    std::string_view fault_;
};

bool is_blank_or_control(char c)
{
    const auto byte = static_cast<uint8_t>(c);
    return byte <= 0x20 || byte == 0x7f;
}

}

HelloParse parse_native_hello(std::string_view bytes)
{
    HelloParse result;
    auto & hello = result.hello;
    Reader reader(bytes.substr(0, max_hello_bytes));
    const auto type = reader.varuint();
    if (reader.state() == HelloState::complete && type != 0)
        reader.refuse(type == 'G' || type == 'P' ? "an HTTP request on the port of the native protocol" : "not a Hello packet");
    hello.client_name = reader.string();
    reader.varuint();
    reader.varuint();
    hello.revision = reader.varuint();
    hello.database = reader.string();
    hello.credentials_begin = reader.at();
    hello.user = reader.string();
    hello.password = reader.string();
    hello.credentials_end = reader.at();
    result.state = reader.state();
    result.fault = reader.fault();
    return result;
}

std::string with_credentials(std::string_view bytes, const NativeHello & hello, std::string_view user, std::string_view password)
{
    std::string out;
    out.reserve(bytes.size() + user.size() + password.size() + 4);
    out.append(bytes.substr(0, hello.credentials_begin));
    append_string(out, user);
    append_string(out, password);
    out.append(bytes.substr(hello.credentials_end));
    return out;
}

Marker marker_of(std::string_view user)
{
    if (user == interserver_marker)
        return Marker::interserver_secret;
    if (!user.empty() && (is_blank_or_control(user.front()) || is_blank_or_control(user.back())))
        return Marker::unknown;
    return Marker::none;
}

std::string exception_packet(int32_t code, std::string_view text)
{
    std::string out;
    append_varuint(out, 2);
    const auto bits = static_cast<uint32_t>(code);
    for (unsigned shift = 0; shift < 32; shift += 8)
        out.push_back(static_cast<char>((bits >> shift) & 0xff));
    append_string(out, "DB::Exception");
    append_string(out, text);
    append_string(out, {}); // no stack trace
    out.push_back('\0');    // no nested exception
    return out;
}

}
