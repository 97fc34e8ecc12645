#include "http_head.h"

#include <algorithm>
#include <charconv>

namespace chmtls::gateway
{
namespace
{

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view blanks = " \t";

// RFC 9110 5.6.2
bool is_token_character(char c)
{
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
}

bool is_token(std::string_view text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_visible(char c)
{
    return c > 0x20 && c < 0x7f;
}

// RFC 9110 5.5: visible, blanks, and bytes above ASCII.
bool is_value_character(char c)
{
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

std::string_view without_blanks(std::string_view text)
{
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_word(std::string_view text, std::string_view word)
{
    return folded_name(text) == word;
}

std::string_view take_line(std::string_view & rest)
{
    const auto end = rest.find(line_end);
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + line_end.size());
    return line;
}

class Parser
{
public:
    explicit Parser(std::string_view head) : rest_(head) {}

    HeadParse parse()
    {
        if (rest_.find('\0') != std::string_view::npos)
            refuse(400, "a NUL in the head of the request");
        else if (request_line(take_line(rest_)))
            fields();
        if (fault_.empty())
            framing();
        if (!fault_.empty())
            return {std::nullopt, status_, fault_};
        return {std::move(head_), 0, {}};
    }

private:
    bool refuse(int status, std::string_view fault)
    {
        status_ = status;
        fault_ = fault;
        return false;
    }

    bool request_line(std::string_view line)
    {
        const auto first = line.find(' ');
        const auto last = line.rfind(' ');
        if (first == std::string_view::npos || first == last)
            return refuse(400, "the request line is not a method, a path and a version");
        head_.method = line.substr(0, first);
        head_.target = line.substr(first + 1, last - first - 1);
        const auto version = line.substr(last + 1);
        if (!is_token(head_.method))
            return refuse(400, "the method is not a token");
        if (version != "HTTP/1.1" && version != "HTTP/1.0")
            return refuse(505, "the version is neither HTTP/1.1 nor HTTP/1.0");
        head_.minor_version = version.back() - '0';
        head_.keep_alive = head_.minor_version == 1;
        if (head_.method == "CONNECT" || head_.method == "TRACE")
            return refuse(405, "the method is not passed on");
        if (!head_.target.starts_with('/') || !std::all_of(head_.target.begin(), head_.target.end(), is_visible))
            return refuse(400, "the target is not a path of visible ASCII characters");
        if (head_.target.find('#') != std::string_view::npos)
            return refuse(400, "the target has a fragment");
        return true;
    }

    void fields()
    {
        while (fault_.empty())
        {
            const auto line = take_line(rest_);
            if (line.empty())
                break;
            if (head_.fields.size() == max_fields)
                refuse(431, "the request has more than 256 header fields");
            else
                field(line);
        }
    }

    void field(std::string_view line)
    {
        const auto colon = line.find(':');
        if (blanks.find(line.front()) != std::string_view::npos)
            refuse(400, "a header field is folded");
        else if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
            refuse(400, "the name of a header field is not a token in front of a colon");
        else if (!std::all_of(line.begin(), line.end(), is_value_character))
            refuse(400, "a control character in a header field");
        else
            head_.fields.push_back({line.substr(0, colon), without_blanks(line.substr(colon + 1))});
    }

    void framing()
    {
        for (const auto & [name, value] : head_.fields)
        {
            const auto folded = folded_name(name);
            const bool exact = name.find_first_of("_.") == std::string_view::npos;
            if ((folded == "content-length" || folded == "transfer-encoding" || folded == "host") && !exact)
                refuse(400, "a header field that decides where the request ends is misspelt");
            else if (folded == "content-length")
                content_length(value);
            else if (folded == "transfer-encoding")
                transfer_encoding(value);
            else if (folded == "connection")
                connection(value);
            else if (folded == "expect")
                expect(value);
            if (!fault_.empty())
                return;
        }
        if (framings_ > 1)
            refuse(400, "more than one of Content-Length and Transfer-Encoding");
        else if (head_.framing == Framing::chunked && head_.minor_version == 0)
            refuse(400, "Transfer-Encoding in a request of HTTP/1.0");
    }

    void content_length(std::string_view value)
    {
        ++framings_;
        head_.framing = Framing::length;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), head_.length);
        if (value.empty() || error != std::errc{} || end != value.data() + value.size())
            refuse(400, "Content-Length is not a number");
    }

    void transfer_encoding(std::string_view value)
    {
        ++framings_;
        head_.framing = Framing::chunked;
        if (!is_word(value, "chunked"))
            refuse(501, "a Transfer-Encoding other than chunked");
    }

    void connection(std::string_view value)
    {
        for (const auto & element : list_elements(value))
        {
            if (is_word(element, "close"))
                closes_ = true;
            else if (is_word(element, "keep-alive"))
                head_.keep_alive = true;
        }
        if (closes_)
            head_.keep_alive = false;
    }

    void expect(std::string_view value)
    {
        if (!is_word(value, "100-continue"))
            refuse(417, "an Expect other than 100-continue");
        head_.expects_continue = head_.minor_version == 1;
    }

    std::string_view rest_;
    RequestHead head_;
    int framings_ = 0;
    bool closes_ = false;
    int status_ = 400;
    std::string_view fault_;
};

}

size_t head_size(std::string_view bytes)
{
    constexpr std::string_view end = "\r\n\r\n";
    const auto at = bytes.find(end);
    return at == std::string_view::npos ? 0 : at + end.size();
}

HeadParse parse_request_head(std::string_view head)
{
    return Parser(head).parse();
}

std::string folded_name(std::string_view name)
{
    std::string folded(name);
    for (char & c : folded)
    {
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
        else if (c == '_' || c == '.')
            c = '-';
    }
    return folded;
}

std::vector<std::string_view> list_elements(std::string_view value)
{
    std::vector<std::string_view> elements;
    while (!value.empty())
    {
        const auto comma = value.find(',');
        const auto element = without_blanks(value.substr(0, comma));
        if (!element.empty())
            elements.push_back(element);
        value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    }
    return elements;
}

}
