#pragma once

// The server's log is made of records, and much of what stands in them was written by peers: names, URLs, texts of queries.

#include <string>
#include <string_view>

namespace chmtls::debian
{

/// Who wrote a record.
enum class Writer
{
    server, ///< also our own texts that are no audit lines
    audit,  ///< an audit line of the module: "audit event=" begins the record's own text
};

/// The formatted record as it may stand in the log. What begins a line is a record, and nothing else: further lines of a record
/// are indented by a tab, other control characters become \xNN. "audit event=" stands only where the module wrote it: elsewhere
/// the blank becomes \x20. UTF-8 that is no control character, and bytes that are no UTF-8, stay.
std::string one_record(std::string_view formatted, Writer writer);

inline constexpr std::string_view audit_marker = "audit event=";

/// With the blank of each marker at or after `from` as \x20.
std::string without_markers(std::string text, size_t from);

/// Must a record be rewritten at all? Most need not be.
bool is_one_record(std::string_view formatted, Writer writer) noexcept;

/// Is there a control character in a name that a peer sent: below 0x20, or DEL?
bool has_control_bytes(std::string_view text) noexcept;

/// The name with '?' in place of each.
std::string without_control_bytes(std::string name);

}
