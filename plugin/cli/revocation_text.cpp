#include "cli/revocation_text.h"

#include <fmt/format.h>

#include "cli/json.h"

namespace chmtls::cli
{

namespace
{

std::string lists_of(const trust::RevocationStep & step)
{
    std::string text;
    for (const trust::Crl & list : step.lists)
        text += fmt::format(
            "{}the CRL {} of {}{}", text.empty() ? "" : ", ", printable(list.source()), format_rfc3339(list.this_update()),
            list.next_update() ? ", next update " + format_rfc3339(*list.next_update()) : std::string());
    return text;
}

std::string line_of(const trust::RevocationStep & step)
{
    const std::string lists = lists_of(step);
    if (step.reason != Reason::valid)
        return fmt::format("{}: {}{}", code(step.reason), step.message, lists.empty() ? lists : " (" + lists + ")");
    if (lists.empty())
        return fmt::format(
            "{}: no CRL of {}, and none is required", printable(step.certificate, 1024), printable(step.issuer, 1024));
    return fmt::format("{}: not listed by {}", printable(step.certificate, 1024), lists);
}

}

std::vector<std::string> revocation_lines(const std::vector<trust::RevocationStep> & steps)
{
    std::vector<std::string> lines;
    for (const trust::RevocationStep & step : steps)
        lines.push_back(line_of(step));
    return lines;
}

std::string revocation_json(const std::vector<trust::RevocationStep> & steps)
{
    std::vector<std::string> values;
    for (const trust::RevocationStep & step : steps)
    {
        std::vector<std::string> lists;
        for (const trust::Crl & list : step.lists)
        {
            JsonObject one;
            one.text("source", list.source()).text("this_update", format_rfc3339(list.this_update()));
            if (list.next_update())
                one.text("next_update", format_rfc3339(*list.next_update()));
            else
                one.null("next_update");
            lists.push_back(one.str());
        }
        values.push_back(JsonObject()
                             .number("depth", step.depth)
                             .text("certificate", step.certificate)
                             .text("issuer", step.issuer)
                             .text("policy", trust::word(step.policy))
                             .text("reason", code(step.reason))
                             .text("message", step.message)
                             .raw("lists", json_array(lists))
                             .str());
    }
    return json_array(values);
}

}
