#include "http_request_guard.h"

#include <algorithm>
#include <string_view>

namespace chmtls::debian
{

namespace
{

bool is_control(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7F;
}

bool breaks_word(unsigned char byte)
{
    return is_control(byte) || byte == ' ';
}

bool breaks_value(unsigned char byte)
{
    return is_control(byte) && byte != '\t';
}

bool is_one_word(std::string_view text)
{
    return std::none_of(text.begin(), text.end(), breaks_word);
}

}

std::optional<std::string> defect_of(const Poco::Net::HTTPRequest & request)
{
    if (!is_one_word(request.getURI()))
        return "its URI holds a blank or a control character; write such characters percent-encoded";
    if (!is_one_word(request.getMethod()) || !is_one_word(request.getVersion()))
        return "its method or version holds a blank or a control character";
    for (const auto & [name, value] : request)
    {
        if (!is_one_word(name) || name.find(':') != std::string::npos)
            return "the name of a header holds a blank, a colon or a control character";
        if (std::any_of(value.begin(), value.end(), breaks_value))
            return "the value of header " + name + " holds a control character";
    }
    return std::nullopt;
}

}
