#include "config/section.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/ascii.h"
#include "config/host_name.h"

namespace chmtls::config
{

namespace
{

/// What ClickHouse's merging leaves on elements without a meaning for the value.
constexpr std::array<std::string_view, 4> harmless_attributes{"replace", "optional", "hide_in_preprocessed", "merge"};
/// What ClickHouse resolves before it reads a value.
constexpr std::array<std::string_view, 3> substitutions{"incl", "from_env", "from_zk"};

template <typename Words>
bool contains(const Words & words, std::string_view word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// Edits (insert, delete, replace) between two words, for "did you mean".
size_t distance(std::string_view left, std::string_view right)
{
    std::vector<size_t> row(right.size() + 1);
    for (size_t j = 0; j < row.size(); ++j)
        row[j] = j;
    for (size_t i = 1; i <= left.size(); ++i)
    {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= right.size(); ++j)
        {
            const size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (left[i - 1] == right[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[right.size()];
}

std::string remedy_for_unknown(std::string_view key, const std::vector<std::string> & known)
{
    const std::string wanted = ascii_lower(key.substr(0, 64));
    const std::string * best = nullptr;
    size_t best_distance = 3;
    for (const std::string & candidate : known)
        if (const size_t edits = distance(wanted, ascii_lower(candidate)); edits < best_distance)
        {
            best = &candidate;
            best_distance = edits;
        }
    if (best)
        return fmt::format("did you mean <{}>?", *best);
    std::vector<std::string_view> words(known.begin(), known.end());
    std::sort(words.begin(), words.end());
    return fmt::format("remove it; known here: {}", fmt::join(words, ", "));
}

}

void Findings::add(size_t line, std::string field, std::string reason, std::string remedy)
{
    errors_.push_back({at_line(source_, line), std::move(field), std::move(reason), std::move(remedy), ""});
}

std::string list_of(std::span<const std::string_view> words)
{
    std::string result;
    for (size_t i = 0; i < words.size(); ++i)
    {
        if (i > 0)
            result += i + 1 == words.size() ? " or " : ", ";
        result += words[i];
    }
    return result;
}

Section::Section(const Element & element, std::string path, Findings & findings)
    : element_(element), path_(std::move(path)), findings_(findings)
{
    check_attributes(element_, path_);
}

std::string Section::key_path(std::string_view key, size_t index, size_t count) const
{
    std::string result = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
    return count > 1 ? fmt::format("{}[{}]", result, index) : result;
}

std::vector<const Element *> Section::all(std::string_view key)
{
    known_.emplace_back(key);
    std::vector<const Element *> result;
    for (const Element & child : element_.children)
        if (child.name == key)
            result.push_back(&child);
    return result;
}

const Element * Section::single(std::string_view key)
{
    const std::vector<const Element *> found = all(key);
    if (found.empty())
        return nullptr;
    if (found.size() > 1)
        findings_.add(found[1]->line, key_path(key, 0, 1), fmt::format("given {} times", found.size()), "keep one of them");
    return found.front();
}

void Section::check_attributes(const Element & element, const std::string & path)
{
    for (const auto & [name, value] : element.attributes)
    {
        if (contains(substitutions, name))
            findings_.add(
                element.line, path, fmt::format("the substitution {}=\"{}\" was not resolved", name, printable(value)),
                "write the value itself, or define what it refers to");
        else if (!contains(harmless_attributes, name))
            findings_.add(element.line, path, fmt::format("unknown attribute \"{}\"", printable(name)), "remove it");
    }
}

std::optional<std::string> Section::value_of(const Element & element, const std::string & path)
{
    check_attributes(element, path);
    if (!element.children.empty())
    {
        findings_.add(
            element.line, path, fmt::format("holds <{}> where a plain value is expected", printable(element.children[0].name)),
            "write the value as text");
        return std::nullopt;
    }
    return element.text;
}

std::optional<std::string> Section::raw_text(std::string_view key)
{
    const Element * found = single(key);
    return found ? value_of(*found, key_path(key, 0, 1)) : std::nullopt;
}

std::optional<std::string> Section::text(std::string_view key)
{
    const Element * found = single(key);
    if (!found)
        return std::nullopt;
    const std::optional<std::string> value = value_of(*found, key_path(key, 0, 1));
    if (!value)
        return std::nullopt;
    const std::string_view result = trimmed(*value);
    if (!result.empty())
        return std::string(result);
    findings_.add(found->line, key_path(key, 0, 1), "the value is empty", "give a value, or remove the setting");
    return std::nullopt;
}

std::optional<std::string> Section::text_unless_empty(std::string_view key)
{
    const std::optional<std::string> value = raw_text(key);
    if (!value || trimmed(*value).empty())
        return std::nullopt;
    return std::string(trimmed(*value));
}

std::optional<bool> Section::flag(std::string_view key)
{
    const std::optional<std::string> value = text(key);
    if (!value)
        return std::nullopt;
    const std::string word = ascii_lower(*value);
    if (word == "true" || word == "yes" || word == "on" || word == "1")
        return true;
    if (word == "false" || word == "no" || word == "off" || word == "0")
        return false;
    refuse(key, fmt::format("\"{}\" is neither true nor false", printable(*value)), "write true or false");
    return std::nullopt;
}

std::optional<uint64_t> Section::number(std::string_view key, uint64_t least, uint64_t most)
{
    const std::optional<std::string> value = text(key);
    if (!value)
        return std::nullopt;
    uint64_t result = 0;
    const char * end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, result);
    if (error == std::errc{} && stop == end && result >= least && result <= most)
        return result;
    refuse(
        key, fmt::format("\"{}\" is not a whole number from {} to {}", printable(*value), least, most),
        fmt::format("write a number from {} to {}", least, most));
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> Section::seconds(std::string_view key, double least, double most)
{
    const std::optional<std::string> value = text(key);
    if (!value)
        return std::nullopt;
    double result = 0;
    const char * end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, result);
    if (error == std::errc{} && stop == end && result >= least && result <= most)
        return std::chrono::milliseconds(std::llround(result * 1000));
    refuse(
        key, fmt::format("\"{}\" is not a number of seconds from {} to {}", printable(*value), least, most),
        "write for instance 5");
    return std::nullopt;
}

std::optional<size_t> Section::word(std::string_view key, std::span<const std::string_view> words)
{
    const std::optional<std::string> value = text(key);
    if (!value)
        return std::nullopt;
    const std::string wanted = ascii_lower(*value);
    for (size_t i = 0; i < words.size(); ++i)
        if (ascii_lower(words[i]) == wanted)
            return i;
    refuse(key, fmt::format("unknown word \"{}\"", printable(*value)), "write " + list_of(words));
    return std::nullopt;
}

std::vector<std::string> Section::texts(std::string_view key)
{
    const std::vector<const Element *> found = all(key);
    std::vector<std::string> result;
    for (size_t i = 0; i < found.size(); ++i)
    {
        const std::string path = key_path(key, i, found.size());
        const std::optional<std::string> value = value_of(*found[i], path);
        if (!value)
            continue;
        if (trimmed(*value).empty())
            findings_.add(found[i]->line, path, "the value is empty", "give a value, or remove the element");
        else
            result.emplace_back(trimmed(*value));
    }
    return result;
}

const Element * Section::child(std::string_view key)
{
    return single(key);
}

std::vector<const Element *> Section::children(std::string_view key)
{
    return all(key);
}

void Section::refuse(std::string_view key, std::string reason, std::string remedy)
{
    const Element * found = key.empty() ? nullptr : element_.find(key);
    findings_.add(
        found ? found->line : element_.line, key.empty() ? path_ : key_path(key, 0, 1), std::move(reason), std::move(remedy));
}

void Section::refuse_unknown()
{
    for (const Element & child : element_.children)
        if (!contains(known_, child.name))
            findings_.add(child.line, key_path(child.name, 0, 1), "unknown key", remedy_for_unknown(child.name, known_));
    if (!trimmed(element_.text).empty())
        findings_.add(
            element_.line, path_,
            fmt::format("holds the text \"{}\" where only keys are expected", printable(trimmed(element_.text), 40)),
            "remove the text");
}

}
