#pragma once

// One record per decision, for people and machines: key=value pairs of a log line, and the members of a JSON object.

#include <string>
#include <string_view>

#include "base/reason.h"

namespace chmtls::observe
{

/// Builds one record. In the log line a value with anything but letters, digits and ._:/@+-, stands in double quotes; control
/// bytes, quotes and backslashes inside are escaped, so that foreign text can neither end a line nor forge a pair. In the JSON
/// members it is a string (RFC 8259), or a number where it was given as one. Empty values are left out; long ones are cut.
class AuditLine
{
public:
    explicit AuditLine(std::string_view event);

    AuditLine & add(std::string_view key, std::string_view value);
    AuditLine & add(std::string_view key, uint64_t value);
    AuditLine & add(Reason reason);

    [[nodiscard]] const std::string & str() const { return line_; }
    /// `"event": "login", "decision": "granted", ...`, complete and without braces.
    [[nodiscard]] const std::string & members() const { return members_; }

private:
    void add_text(std::string_view key, std::string_view value);

    std::string line_;
    std::string members_;
};

}
