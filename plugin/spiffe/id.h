#pragma once

// SPIFFE IDs and trust domain names (SPIFFE-ID sections 2 to 2.4), byte-wise and strict.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/reason.h"
#include "base/result.h"

namespace chmtls::spiffe
{

inline constexpr size_t max_id_length = 2048;          ///< SPIFFE-ID 2.3
inline constexpr size_t max_trust_domain_length = 255; ///< SPIFFE-ID 2.3

/// One named defect each; code() gives "EMPTY", "SCHEME", "TD-EMPTY", ... When an ID has several, the one that a scan from the
/// left meets first is named; lengths are judged last.
enum class IdDefect : uint8_t
{
    empty,
    scheme,
    td_empty,
    td_userinfo,
    td_port,
    td_case,
    td_percent,
    td_nonascii,
    td_chars,
    td_length,
    td_path, ///< only where a trust domain name is asked for
    path_percent,
    path_nonascii,
    path_chars,
    empty_segment,
    dot_segment,
    trailing_slash,
    query,
    fragment,
    id_length,
};

[[nodiscard]] std::string_view code(IdDefect defect);
[[nodiscard]] std::string_view message(IdDefect defect);

/// The reason that a certificate with such a URI is refused for. A URI SAN that holds a NUL is Reason::id_nul whatever else is
/// wrong with it; verify_svid looks for that first.
[[nodiscard]] Reason reason_of(IdDefect defect);

/// A valid SPIFFE ID. Equality is byte equality.
class Id
{
public:
    [[nodiscard]] static tl::expected<Id, IdDefect> parse(std::string_view text);

    [[nodiscard]] const std::string & text() const { return text_; }
    [[nodiscard]] std::string_view trust_domain() const;
    [[nodiscard]] std::string_view path() const; ///< with its leading slash; empty for a trust domain's own ID
    [[nodiscard]] bool operator==(const Id & other) const { return text_ == other.text_; }

private:
    Id(std::string text, size_t trust_domain_length);
    std::string text_;
    size_t trust_domain_length_;
};

/// A bare trust domain name, or spiffe://name without a path.
[[nodiscard]] tl::expected<std::string, IdDefect> parse_trust_domain(std::string_view text);

}
