#include "base/json.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace chmtls
{

namespace
{

/// Controls of every kind are escaped, line separators among them: an object stays on one line whatever a reader takes for one.
void append(std::string & out, std::string_view bytes, char32_t character)
{
    switch (character)
    {
    case U'"':
        out += "\\\"";
        return;
    case U'\\':
        out += "\\\\";
        return;
    case U'\n':
        out += "\\n";
        return;
    case U'\r':
        out += "\\r";
        return;
    case U'\t':
        out += "\\t";
        return;
    default:
        break;
    }
    if (is_control(character) && character <= 0xffff)
        out += fmt::format("\\u{:04x}", static_cast<uint32_t>(character));
    else
        out += bytes;
}

}

std::string json_string(std::string_view text)
{
    std::string out = "\"";
    out.reserve(text.size() + 2);
    for (size_t at = 0; at < text.size();)
    {
        const CodePoint point = decode_utf8(text.substr(at));
        if (point.length == 0)
            out += "\\ufffd";
        else
            append(out, text.substr(at, point.length), point.value);
        at += point.length == 0 ? 1 : point.length;
    }
    out += '"';
    return out;
}

JsonObject & JsonObject::raw(std::string_view name, std::string_view json)
{
    if (!members_.empty())
        members_ += ", ";
    members_ += json_string(name);
    members_ += ": ";
    members_ += json;
    return *this;
}

std::string json_array(const std::vector<std::string> & values)
{
    std::string out = "[";
    for (const std::string & value : values)
    {
        if (out.size() > 1)
            out += ", ";
        out += value;
    }
    out += ']';
    return out;
}

std::string json_strings(const std::vector<std::string> & values)
{
    std::vector<std::string> quoted;
    quoted.reserve(values.size());
    for (const std::string & value : values)
        quoted.push_back(json_string(value));
    return json_array(quoted);
}

std::string json_finding(const Error & error)
{
    JsonObject object;
    object.text("file", error.file).text("field", error.field).text("reason", error.reason).text("remedy", error.remedy);
    if (!error.code.empty())
        object.text("code", error.code);
    return object.str();
}

}
