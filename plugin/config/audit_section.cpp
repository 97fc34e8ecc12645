#include "config/audit_section.h"

#include <array>

#include <fmt/format.h>

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 2> on_failure_words{"count", "refuse"};

}

void read_audit_section(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("audit");
    if (!element)
        return;
    Section section(*element, mtls.key_path("audit", 0, 1), findings);
    const auto file = section.text("file");
    if (!file || file->empty())
        section.refuse("file", "is missing", "name the file that the audit trail is written to, or remove <audit>");
    else if (!file->starts_with('/'))
        section.refuse("file", fmt::format("\"{}\" is not an absolute path", printable(*file)), "write it from the root");
    else
        settings.audit.file = *file;
    if (const auto word = section.word("on_failure", on_failure_words))
        settings.audit.refuses_without = *word == 1;
    section.refuse_unknown();
}

}
