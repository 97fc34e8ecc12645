#pragma once

// One element of the configuration, read by name. What nobody asked for is unknown, and refused.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <Poco/Util/AbstractConfiguration.h>

namespace chmtls::gateway
{

/// Findings carry the file and the path of the key.
class Section
{
public:
    /// `path` empty: the root.
    Section(
        const Poco::Util::AbstractConfiguration & config, std::string path, const std::string & source,
        std::vector<std::string> & findings);

    /// The element is there.
    [[nodiscard]] bool has(const std::string & key);
    /// Trimmed; nothing when the element is not there. Empty or repeated: a finding.
    std::optional<std::string> text(const std::string & key);
    /// Each of a repeated element.
    std::vector<std::string> texts(const std::string & key);
    std::optional<uint64_t> number(const std::string & key, uint64_t least, uint64_t most);
    /// Seconds, with a fraction.
    std::optional<std::chrono::milliseconds> seconds(const std::string & key, double least, double most);
    /// The index of the word.
    std::optional<size_t> word(const std::string & key, std::span<const std::string_view> words);
    /// A child that holds elements.
    Section child(const std::string & key);
    /// Each of a repeated child.
    std::vector<Section> children(const std::string & key);

    void refuse(const std::string & key, const std::string & what);
    /// Every child that none of the above was asked for.
    void refuse_unknown();

private:
    [[nodiscard]] std::string path_of(const std::string & key) const;
    [[nodiscard]] std::vector<std::string> instances(const std::string & key) const;

    const Poco::Util::AbstractConfiguration & config_;
    std::string path_;
    const std::string & source_;
    std::vector<std::string> & findings_;
    std::set<std::string> known_;
};

}
