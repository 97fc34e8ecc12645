#pragma once

// One compiled pattern of a matcher.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "mapping/components.h"
#include "mapping/rule.h"

namespace re2
{
class RE2;
}

namespace chmtls::mapping
{

enum class PatternKind : uint8_t
{
    exact,
    glob, ///< with '*', '**' or '{name}'
    regex,
};

/// What is wrong with a pattern or a template.
struct Finding
{
    std::string reason;
    std::string remedy;
};

/// A pattern, and a whole rule, has at most so many captures.
inline constexpr size_t max_captures = 16;
using Captured = std::array<std::string_view, max_captures>;

/// Longest pattern in bytes.
inline constexpr size_t max_pattern_length = 4096;

/// Immutable, thread-safe. What the notations mean is written at the top of rule.h.
class Pattern
{
public:
    [[nodiscard]] static tl::expected<Pattern, Finding> compile(Field field, std::string_view text);

    Pattern(Pattern &&) noexcept;
    Pattern & operator=(Pattern &&) noexcept;
    ~Pattern();

    [[nodiscard]] Field field() const { return field_; }
    [[nodiscard]] PatternKind kind() const { return kind_; }

    /// Canonical: case folded where the field ignores case, hex without colons, a regex without its prefix.
    [[nodiscard]] const std::string & text() const { return text_; }

    /// Names in the order in which `matches` fills them in.
    [[nodiscard]] const std::vector<std::string> & captures() const { return captures_; }

    /// Null unless regex.
    [[nodiscard]] const re2::RE2 * regex() const { return regex_.get(); }

    /// Can this capture be empty, as far as that can be told from the pattern?
    [[nodiscard]] bool can_capture_nothing(size_t capture) const;

    /// `value` is canonical as in Values. `captured` may be null; it gets views into `value`.
    [[nodiscard]] bool matches(std::string_view value, Captured * captured) const;

private:
    Pattern(Field field, PatternKind kind, std::string text);
    [[nodiscard]] static tl::expected<Pattern, Finding> compile_regex(Field field, std::string_view expression);
    [[nodiscard]] static tl::expected<Pattern, Finding> compile_glob(Field field, std::string text);

    Field field_;
    PatternKind kind_;
    std::string text_;
    std::vector<std::string> captures_;
    std::vector<int> groups_; ///< of captures_, in a regex
    std::unique_ptr<re2::RE2> regex_;
};

/// Every regular expression is RE2 over UTF-8, case-sensitive except for dns.
[[nodiscard]] bool regex_ignores_case(Field field);

/// Does a checked glob match? Both texts are split in the same way.
[[nodiscard]] bool glob_matches(Family how, const PatternParts & pattern, const ValueComponents & value, Captured * captured);

/// A capture's name: a letter or '_', then letters, digits and '_'; at most 64.
[[nodiscard]] bool valid_capture_name(std::string_view name);

}
