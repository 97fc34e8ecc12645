#pragma once

// The values that rules see of one subject, in canonical form, without copying what is canonical already.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/rule.h"
#include "mapping/subject.h"

namespace chmtls::mapping
{

inline constexpr size_t field_count = 11;

/// A set of fields.
class FieldMask
{
public:
    void add(Field field) { bits_ |= bit(field); }
    [[nodiscard]] bool has(Field field) const { return (bits_ & bit(field)) != 0; }

private:
    [[nodiscard]] static uint32_t bit(Field field) { return 1u << static_cast<uint32_t>(field); }
    uint32_t bits_ = 0;
};

/// A certificate with more names, or longer ones, is refused with Reason::resource before any rule looks at it.
inline constexpr size_t max_names = 4096;
inline constexpr size_t max_name_bytes = 256u << 10;
[[nodiscard]] bool beyond_bounds(const openssl::SubjectAltNames & names);

/// Canonical: dns names and the domain of a mailbox in lower case, digests and the serial in lower-case hex; URIs that are not
/// clean are left out, and so are dns names and a common name with '*' in them. Borrows from the subject; lives for one call;
/// neither copied nor moved.
class Values
{
public:
    /// Only the fields in `needed` are prepared.
    Values(const Subject & subject, FieldMask needed);
    Values(const Values &) = delete;
    Values & operator=(const Values &) = delete;

    /// The trust domain that vouches for the certificate; empty for an ordinary one.
    [[nodiscard]] std::string_view trust_domain() const { return trust_domain_; }

    /// Above max_names or max_name_bytes: nothing was prepared.
    [[nodiscard]] bool too_many() const { return too_many_; }

    [[nodiscard]] size_t count(Field field) const { return slot(field).many.size() + (slot(field).has_one ? 1 : 0); }
    [[nodiscard]] std::string_view at(Field field, size_t i) const
    {
        const Slot & values = slot(field);
        return values.has_one ? values.one : std::string_view(values.many[i]);
    }

private:
    struct Slot
    {
        std::span<const std::string> many;
        std::string_view one;
        bool has_one = false;
    };
    [[nodiscard]] const Slot & slot(Field field) const { return slots_[static_cast<size_t>(field)]; }
    void set_one(Field field, std::string_view value);
    void set_hex(Field field, const Digest32 & digest, std::array<char, 64> & digits);
    void set_names(const openssl::SubjectAltNames & names, FieldMask needed);

    std::array<Slot, field_count> slots_;
    std::array<char, 64> fingerprint_;
    std::array<char, 64> issuer_spki_;
    std::vector<std::string> dns_;    ///< only when a name had to be changed
    std::vector<std::string> uris_;   ///< likewise
    std::vector<std::string> emails_; ///< likewise
    std::string_view trust_domain_;
    bool too_many_ = false;
};

}
