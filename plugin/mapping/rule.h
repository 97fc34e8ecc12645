#pragma once

// Rules as asked for, and the notation of rules files.
//
// A rule is a name, one or more matchers that all have to match, and a template for the ClickHouse user:
//
//     # who             which certificates                                          which user
//     ingest:           dns="*.ingest.example.org" issuer='regex:CN=Machines.*'  -> ingest
//     services:         spiffe_id="spiffe://prod.example.org/ns/{ns}/sa/{sa}"    -> "{ns}_{sa}"
//
// Grammar of a line (blanks and tabs between the tokens; a comment may follow the user):
//
//     rule   = name ":" 1*( field "=" value ) "->" value *( term ) [ "#" comment ]
//     term   = ( "valid_from" / "valid_until" / "max_session" / "password" ) "=" value
//     name   = 1*( letter / digit / "_" / "." / "-" ) / quoted
//     value  = 1*( visible ASCII but '"', "'" and "#" ) / quoted
//     quoted = '"' text '"'   with \" \\ \t \n \r \xNN        or    "'" text "'"   with no escapes at all, handy for regex
//
// Terms, each at most once: valid_from and valid_until (RFC 3339; the rule holds from the one up to, not including, the other),
// max_session (90s, 15m, 12h, 30d: a session by this rule ends after so long), password (required: the user's own password is
// needed as well, and no other rule's captures are left to say who the user is, so it has to be one fixed name).
//
// Patterns. Which components a field has:
//
//     common_name, trust_domain   labels between dots; byte-exact
//     dns                         labels between dots; ASCII case is ignored (RFC 4343), captures are in lower case
//     uri, spiffe_id              segments between slashes, a dot is an ordinary character; byte-exact. uri looks at every clean
//                                 URI SAN (printable ASCII without blanks); spiffe_id and trust_domain only at an ID that was
//                                 verified as an X.509-SVID
//     email                       the local part (what stands before the last '@'; case-sensitive), then the labels of the domain
//                                 (case ignored, captures in lower case)
//     subject, issuer             one RFC 4514 string: exact or regex
//     fingerprint_sha256, issuer_spki_sha256, serial
//                                 hex of either case with or without colons: exact only; a serial's leading zeros do not count
//
// and what may stand for a component:
//
//     text        itself
//     *           exactly one component, whole (`*.example.org`) or a part of it (`web-*.example.org`); never nothing, never a
//                 separator, and in names between dots no slash. One to a component, any number in a pattern
//     **          uri and spiffe_id only: zero or more whole, non-empty segments; once in a pattern and not before the path
//     {name}      one whole component, not empty, whose text the user template can use. The same name twice in a rule has to
//                 capture the same text
//
// A certificate that a trust domain vouches for (one with a verified SPIFFE ID) is matched only by rules that look at something
// no other domain can claim: spiffe_id, trust_domain, issuer_spki_sha256, fingerprint_sha256, or a uri whose pattern begins with
// spiffe://. Any domain's authority may write what it likes into the other fields; they count beside one of these.
//
// `regex:` at the front: RE2, matched against the whole value; named groups (?P<name>...) are captures. For dns it ignores case,
// and it sees mailboxes with their domain in lower case.
//
// User template: literal text and {name}; "{{" and "}}" stand for braces. A capture that is empty, or a result that is no valid
// user name, refuses the login and names the rule: no other rule is looked at in its stead.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace chmtls::mapping
{

/// Certificate fields that a rule can look at. Kinds never mix.
enum class Field : uint8_t
{
    common_name,
    dns,
    uri,
    email,
    spiffe_id,
    trust_domain,
    subject,
    issuer,
    issuer_spki_sha256,
    fingerprint_sha256,
    serial,
};

[[nodiscard]] std::string_view name(Field field);
[[nodiscard]] Result<Field> parse_field(std::string_view text);

struct MatcherText
{
    Field field;
    std::string pattern;
    [[nodiscard]] bool operator==(const MatcherText &) const = default;
};

enum class PasswordNeed : uint8_t
{
    none,
    required, ///< the certificate and the user's password
};

/// When and how a rule holds.
struct RuleTerms
{
    std::optional<UnixTime> valid_from;
    std::optional<UnixTime> valid_until; ///< the first second in which it no longer holds
    std::optional<std::chrono::seconds> max_session;
    PasswordNeed password = PasswordNeed::none;

    [[nodiscard]] bool holds_at(UnixTime now) const
    {
        return (!valid_from || now >= *valid_from) && (!valid_until || now < *valid_until);
    }
    [[nodiscard]] bool operator==(const RuleTerms &) const = default;
};

/// "from 2026-01-01T00:00:00Z until 2026-02-01T00:00:00Z"
[[nodiscard]] std::string describe_window(const RuleTerms & terms);

/// A rule as asked for: all matchers must match (AND), then `user` is filled from the captures.
struct RuleText
{
    std::string name;
    std::vector<MatcherText> matchers;
    std::string user;   ///< template: literal text with {capture}
    std::string source; ///< where it stands, "config.xml: mtls.users.rule[2]" or "rules.txt:17"
    RuleTerms terms{};
    [[nodiscard]] bool operator==(const RuleText &) const = default;
};

/// Does the rule look at something that only one trust domain can have put into a certificate?
[[nodiscard]] bool tells_domains_apart(const RuleText & rule);

/// The fields of such a rule, for messages.
inline constexpr std::string_view telling_fields
    = "spiffe_id, trust_domain, issuer_spki_sha256, fingerprint_sha256 or a uri that begins with spiffe://";

/// One rule of a rules file, and its canonical text again (parse(print(r)) == r apart from source).
[[nodiscard]] Result<RuleText> parse_rule_line(std::string_view line, const std::string & source);
[[nodiscard]] std::string print_rule_line(const RuleText & rule);

/// A whole rules file: one rule per line (LF or CRLF, the last one too), blank lines and lines that start with '#' skipped. All
/// errors at once, each with "path:line"; after the first thousand only their number.
[[nodiscard]] Checked<std::vector<RuleText>> parse_rules_file(std::string_view text, const std::string & path);

}
