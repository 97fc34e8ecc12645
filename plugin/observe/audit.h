#pragma once

// One line per decision, for machines and people: key=value pairs, blank between them.

#include <string>
#include <string_view>

#include "base/reason.h"

namespace chmtls::observe
{

/// Builds one audit line. A value with anything but letters, digits and ._:/@+-, stands in double quotes; control bytes, quotes
/// and backslashes inside are escaped, so that foreign text can neither end a line nor forge a pair. Empty values are left out.
class AuditLine
{
public:
    explicit AuditLine(std::string_view event);

    AuditLine & add(std::string_view key, std::string_view value);
    AuditLine & add(std::string_view key, uint64_t value);
    AuditLine & add(Reason reason);

    [[nodiscard]] const std::string & str() const { return line_; }

private:
    std::string line_;
};

}
