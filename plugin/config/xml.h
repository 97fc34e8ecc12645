#pragma once

// A small, bounded view of an XML document: elements with their text, attributes and line.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace chmtls::config
{

/// Bounds of a document; beyond them it is refused.
inline constexpr size_t max_xml_bytes = 64u << 20;
inline constexpr size_t max_xml_depth = 64;

/// One element. `text` is its own character data (without that of children), as written.
struct Element
{
    std::string name;
    std::string text;
    std::vector<std::pair<std::string, std::string>> attributes;
    std::vector<Element> children;
    size_t line = 0;

    [[nodiscard]] const Element * find(std::string_view child) const; ///< the first of that name, or null
    [[nodiscard]] const std::string * attribute(std::string_view wanted) const;
};

/// The root element. Refused: not well-formed, a document type declaration (so no entity can be declared), more than
/// max_xml_bytes or max_xml_depth. Nothing outside the text is ever opened. `source` names the document in the error.
[[nodiscard]] Result<Element> parse_xml(std::string_view xml, const std::string & source);

/// "source:line". A document that is no file ("config.xml (merged)") has no lines that anybody could look up: then, and without a
/// line, the source alone.
[[nodiscard]] std::string at_line(const std::string & source, size_t line);

/// Without leading and trailing blanks.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}
