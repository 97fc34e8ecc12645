#pragma once

// Reads one element's children by name, remembers which names were asked for, and reports the rest.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/xml.h"

namespace chmtls::config
{

/// Collects the findings of one document.
class Findings
{
public:
    explicit Findings(std::string source) : source_(std::move(source)) {}

    void add(size_t line, std::string field, std::string reason, std::string remedy);
    [[nodiscard]] const std::string & source() const { return source_; }
    [[nodiscard]] Errors take() { return std::move(errors_); }

private:
    std::string source_;
    Errors errors_;
};

/// "none, relaxed or strict"
[[nodiscard]] std::string list_of(std::span<const std::string_view> words);

/// A section whose keys are all known. Values are given without surrounding blanks. A key given twice, an element inside a
/// value, an unresolved substitution (incl, from_env, from_zk) is a finding; the value then counts as absent.
class Section
{
public:
    /// `path`: the section's key, e.g. "mtls.users".
    Section(const Element & element, std::string path, Findings & findings);

    [[nodiscard]] const std::string & path() const { return path_; }
    [[nodiscard]] size_t line() const { return element_.line; }

    /// Present and not empty; a finding when it is present and empty.
    [[nodiscard]] std::optional<std::string> text(std::string_view key);
    /// The same, but an empty element counts as an absent one.
    [[nodiscard]] std::optional<std::string> text_unless_empty(std::string_view key);
    /// As written, blanks included.
    [[nodiscard]] std::optional<std::string> raw_text(std::string_view key);
    /// true/false, yes/no, on/off, 1/0 as Poco reads them.
    [[nodiscard]] std::optional<bool> flag(std::string_view key);
    [[nodiscard]] std::optional<uint64_t> number(std::string_view key, uint64_t least, uint64_t most);
    /// Seconds, with a fraction if need be.
    [[nodiscard]] std::optional<std::chrono::milliseconds> seconds(std::string_view key, double least, double most);
    /// The position of the value in `words`, case ignored.
    [[nodiscard]] std::optional<size_t> word(std::string_view key, std::span<const std::string_view> words);
    /// All values of a key that may be repeated; empty ones are findings.
    [[nodiscard]] std::vector<std::string> texts(std::string_view key);
    /// A key that holds keys; null when absent. Given twice: a finding, and the first counts.
    [[nodiscard]] const Element * child(std::string_view key);
    /// All of a repeatable key that holds keys.
    [[nodiscard]] std::vector<const Element *> children(std::string_view key);
    /// A known key that somebody else reads.
    void ignore(std::string_view key) { known_.emplace_back(key); }

    void refuse(std::string_view key, std::string reason, std::string remedy);
    /// Reports every key that was not asked for, and text or attributes that do not belong. Call last.
    void refuse_unknown();

    /// "mtls.crl", or "mtls.crl[1]" for the second of several.
    [[nodiscard]] std::string key_path(std::string_view key, size_t index, size_t count) const;

private:
    [[nodiscard]] std::vector<const Element *> all(std::string_view key);
    [[nodiscard]] const Element * single(std::string_view key);
    [[nodiscard]] std::optional<std::string> value_of(const Element & element, const std::string & path);
    void check_attributes(const Element & element, const std::string & path);

    const Element & element_;
    std::string path_;
    Findings & findings_;
    std::vector<std::string> known_;
};

}
