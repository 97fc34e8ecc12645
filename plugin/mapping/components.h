#pragma once

// How the values of a field fall into components, and how one component of a pattern matches one component of a value.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "mapping/rule.h"

namespace chmtls::mapping
{

/// What separates the components of a field.
enum class Family : uint8_t
{
    dotted,  ///< labels between dots: common_name, dns, trust_domain
    slashed, ///< segments between slashes: uri, spiffe_id
    mailbox, ///< local part, then the domain's labels: email
    whole,   ///< no components: subject, issuer, hex fields
};

[[nodiscard]] constexpr Family family(Field field)
{
    switch (field)
    {
    case Field::common_name:
    case Field::dns:
    case Field::trust_domain:
        return Family::dotted;
    case Field::uri:
    case Field::spiffe_id:
        return Family::slashed;
    case Field::email:
        return Family::mailbox;
    case Field::subject:
    case Field::issuer:
    case Field::issuer_spki_sha256:
    case Field::fingerprint_sha256:
    case Field::serial:
        return Family::whole;
    }
    return Family::whole;
}

/// A pattern has at most so many components.
inline constexpr size_t max_pattern_components = 64;

/// A value has at most so many: as many as a SPIFFE ID of 2048 bytes can have. One with more matches no wildcard pattern (exact
/// and regex patterns still see it).
inline constexpr size_t max_value_components = 1026;

/// Views of the components of one text. No allocation; not initialised beyond `size()`.
template <size_t capacity>
class ComponentList
{
public:
    // The array stays uninitialised on purpose: it is large, and only its first size() entries are ever read.
    // cppcheck-suppress uninitMemberVar
    ComponentList() {} // NOLINT(modernize-use-equals-default)

    /// False when the text has too many components, or does not fall into components (a mailbox without '@').
    [[nodiscard]] bool split(Family how, std::string_view text)
    {
        size_ = 0;
        if (how == Family::whole)
            return false;
        if (how == Family::mailbox)
        {
            const size_t at = text.rfind('@');
            if (at == std::string_view::npos)
                return false;
            parts_[size_++] = {text.data(), at};
            text.remove_prefix(at + 1);
        }
        const char separator = how == Family::slashed ? '/' : '.';
        const char * begin = text.data();
        const char * const end = begin + text.size();
        for (const char * at = begin; at != end; ++at)
        {
            if (*at != separator)
                continue;
            if (size_ + 1 >= capacity)
                return false;
            parts_[size_++] = {begin, static_cast<size_t>(at - begin)};
            begin = at + 1;
        }
        parts_[size_++] = {begin, static_cast<size_t>(end - begin)};
        return true;
    }

    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] std::string_view operator[](size_t i) const { return {parts_[i].data, parts_[i].size}; }

private:
    struct Part
    {
        const char * data;
        size_t size;
    };
    size_t size_ = 0;
    Part parts_[capacity];
};

using PatternComponents = ComponentList<max_pattern_components>;
using ValueComponents = ComponentList<max_value_components>;

/// May a wildcard stand for `span`? Never for nothing, and between dots never for a slash either: a name like "a/b.example.org"
/// is no label, and ClickHouse refuses it too. A mailbox's local part may hold slashes.
[[nodiscard]] inline bool wildcard_can_be(Family how, size_t component, std::string_view span)
{
    if (span.empty())
        return false;
    if (how == Family::slashed || (how == Family::mailbox && component == 0))
        return true;
    return std::memchr(span.data(), '/', span.size()) == nullptr;
}

/// The kinds of one component of a pattern.
enum class PartKind : uint8_t
{
    literal,
    wild,    ///< "*"
    capture, ///< "{name}"
    partial, ///< "prefix*suffix"
    rest,    ///< "**"
};

[[nodiscard]] inline PartKind kind_of_part(std::string_view component)
{
    if (component == "*")
        return PartKind::wild;
    if (component == "**")
        return PartKind::rest;
    if (component.starts_with('{'))
        return PartKind::capture;
    return component.find('*') == std::string_view::npos ? PartKind::literal : PartKind::partial;
}

/// The components of a checked pattern with their kinds.
class PatternParts
{
public:
    // cppcheck-suppress uninitMemberVar
    PatternParts() {} // NOLINT(modernize-use-equals-default): not initialised beyond size(), like ComponentList

    [[nodiscard]] bool read(Family how, std::string_view text)
    {
        PatternComponents components;
        if (!components.split(how, text))
            return false;
        size_ = components.size();
        for (size_t i = 0; i < size_; ++i)
            parts_[i] = {components[i].data(), static_cast<uint16_t>(components[i].size()), kind_of_part(components[i])};
        return true;
    }

    /// The same from what packed() gave, without looking at the text. All separators are one byte.
    void unpack(std::string_view text, std::string_view packed)
    {
        size_ = packed.size() / sizeof(uint16_t);
        const char * begin = text.data();
        for (size_t i = 0; i < size_; ++i)
        {
            uint16_t code = 0;
            std::memcpy(&code, packed.data() + i * sizeof(code), sizeof(code));
            const auto length = static_cast<uint16_t>(code & length_mask);
            parts_[i] = {begin, length, static_cast<PartKind>(code >> length_bits)};
            begin += length + 1;
        }
    }

    [[nodiscard]] std::string packed() const
    {
        std::string out;
        for (size_t i = 0; i < size_; ++i)
        {
            const auto code = static_cast<uint16_t>(parts_[i].size | static_cast<unsigned>(parts_[i].kind) << length_bits);
            out.append(reinterpret_cast<const char *>(&code), sizeof(code));
        }
        return out;
    }

    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] PartKind kind(size_t i) const { return parts_[i].kind; }
    [[nodiscard]] std::string_view text(size_t i) const { return {parts_[i].data, parts_[i].size}; }

    /// Of a partial component.
    [[nodiscard]] std::string_view prefix(size_t i) const { return text(i).substr(0, text(i).find('*')); }
    [[nodiscard]] std::string_view suffix(size_t i) const { return text(i).substr(text(i).find('*') + 1); }

private:
    static constexpr unsigned length_bits = 13; // max_pattern_length is 4096
    static constexpr uint16_t length_mask = (1u << length_bits) - 1;
    struct Part
    {
        const char * data;
        uint16_t size;
        PartKind kind;
    };
    size_t size_ = 0;
    Part parts_[max_pattern_components];
};

}
