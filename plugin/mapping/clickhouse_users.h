#pragma once

// <ssl_certificates> of ClickHouse's users.xml, with ClickHouse's meaning.
//
// A user has any number of common_name and subject_alt_name entries, and one that matches is enough. An entry is compared with
// the values of its own kind only, byte by byte (only the domain of a mailbox ignores case, RFC 5321 2.4):
//
//     common_name        the subject's CN; '*' stands for one component between dots
//     DNS:name           a dNSName; '*' likewise
//     URI:uri            a uniformResourceIdentifier; '*' stands for one component between slashes, a dot in it is an ordinary
//                        character
//     EMAIL:mailbox      an rfc822Name; '*' is an ordinary character, for it may stand in a mailbox
//     anything else      matches nothing (a SAN without a type prefix names no kind): accepted with a warning, as ClickHouse does
//
// A DNS name or CN of the certificate with '*' in it is a pattern for servers' names and nobody's own: it is compared with
// nothing. ClickHouse would take it where the entry is written like it.
//
// A certificate that a trust domain vouches for (one with a verified SPIFFE ID) is matched only by URI entries that begin with
// spiffe://: any domain's authority may write what it likes into the other names.
//
// Only the first '*' of an entry is a wildcard. It may be a part of its component, and never stands for nothing or for a
// separator; in a CN or DNS name not for a slash either.

#include <memory>
#include <string>
#include <vector>

#include "mapping/rule_set.h"

namespace chmtls::mapping
{

/// One user's section as written.
struct UserCertificates
{
    std::string user;
    std::vector<std::string> common_names;
    std::vector<std::string> subject_alt_names; ///< "DNS:…", "URI:…", "EMAIL:…"
    bool has_password = false;                  ///< any of password, password_sha256_hex, ... is configured (also an empty one)
    std::string source;
};

/// Immutable, thread-safe. The cost of a lookup does not depend on the number of users, nor on the number of a user's entries
/// without '*'.
class ClickHouseUsers
{
public:
    /// Refused, all findings at once: a section without entries, an empty value (also behind a type prefix), a user twice, a user
    /// name that is not valid.
    [[nodiscard]] static Checked<std::shared_ptr<const ClickHouseUsers>> compile(std::vector<UserCertificates> users);

    ~ClickHouseUsers();

    /// Does any of the user's entries match? `matched` (may be null) gets it: "subject_alt_name 'DNS:*.example.org'". Unknown
    /// users, and certificates beyond the bounds of RuleSet: false.
    [[nodiscard]] bool matches(const Subject & subject, std::string_view user, std::string * matched) const;

    /// The users that the certificate is, at most `most` of them, each with its entry as `matches` shows it. Asks for every user
    /// in turn.
    [[nodiscard]] std::vector<std::pair<std::string_view, std::string>> matching(const Subject & subject, size_t most) const;

    /// Has the user <ssl_certificates> and no password at all?
    [[nodiscard]] bool certificate_only(std::string_view user) const;

    [[nodiscard]] const std::vector<UserCertificates> & users() const { return users_; }

    /// Entries that are accepted but match nothing, or not what one may think.
    [[nodiscard]] const std::vector<std::string> & warnings() const { return warnings_; }

    /// One trace per entry of that user. None for an unknown user.
    [[nodiscard]] std::vector<RuleTrace> explain(const Subject & subject, std::string_view user) const;

private:
    struct Entry;
    struct Compiled;
    class Compiler;
    ClickHouseUsers();
    [[nodiscard]] const Compiled * find(std::string_view user) const;

    std::vector<UserCertificates> users_;
    std::vector<std::string> warnings_;
    struct Table;
    std::unique_ptr<Table> by_user_;
};

}
