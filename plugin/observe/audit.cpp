#include "observe/audit.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace chmtls::observe
{

namespace
{

constexpr size_t value_limit = 1024;

bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || std::string_view("._:/@+-,").find(c) != std::string_view::npos;
}

}

AuditLine::AuditLine(std::string_view event) : line_("audit event="), members_("\"event\": " + json_string(event))
{
    line_ += event;
}

AuditLine & AuditLine::add(std::string_view key, std::string_view value)
{
    if (value.empty())
        return *this;
    add_text(key, value);
    members_ += fmt::format(", \"{}\": {}", key, json_string(value.substr(0, value_limit)));
    return *this;
}

AuditLine & AuditLine::add(std::string_view key, uint64_t value)
{
    add_text(key, std::to_string(value));
    members_ += fmt::format(", \"{}\": {}", key, value);
    return *this;
}

void AuditLine::add_text(std::string_view key, std::string_view value)
{
    line_ += ' ';
    line_ += key;
    line_ += '=';
    if (std::all_of(value.begin(), value.end(), plain) && value.size() <= value_limit)
    {
        line_ += value;
        return;
    }
    // Escaped before control bytes become \xNN: a backslash of the value's own cannot pass for one of ours.
    std::string escaped;
    escaped.reserve(value.size() + 8);
    for (const char c : value.substr(0, value_limit + 1))
    {
        if (c == '"' || c == '\\')
            escaped += '\\';
        escaped += c;
    }
    line_ += '"';
    line_ += printable(escaped, value_limit);
    line_ += '"';
}

AuditLine & AuditLine::add(Reason reason)
{
    return add("reason", code(reason));
}

}
