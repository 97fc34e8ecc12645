#pragma once

// The decision on a login.

#include "mapping/rule_set.h"
#include "policy/standing.h"

namespace chmtls::policy
{

enum class Interface
{
    native,
    http,
};

/// What the peer offers; see chmtls_login in plugin.h.
struct Login
{
    Interface interface = Interface::native;
    std::string_view user;
    bool user_named = false;
    bool password_given = false;
    bool certificate_asked = false;
    bool other_credentials = false;
    bool again = false; ///< like the former one on its connection, which was granted
    bool without_tls = false;
    bool queries_judged = false; ///< the host asks authorize_query before each query of this session
    bool unprintable = false;    ///< something else of the login has control characters
    bool cross_site = false;     ///< a browser says that another site made it ask
};

enum class Outcome
{
    granted,
    refused,
    declined, ///< not a certificate login: the host's own login decides
};

struct LoginDecision
{
    Outcome outcome = Outcome::refused;
    Reason reason = Reason::internal;
    std::string user;
    /// When granted; when declined: the rule that allows the login if ClickHouse's own finds the password right.
    std::string rule;
    std::string message;
    bool let_through = false;   ///< declined, and `reason` says why it would be refused: it is only observed (observing.h)
    mapping::RuleTerms terms{}; ///< of the rule
};

/// By the peer's standing, which may be none. Thread-safe, no I/O, no lock. Its generation has rules and users, also empty ones.
///
/// Who was asked for: the user that the peer named. Native clients always name one; without a name (user_named false or an empty
/// user) the rules alone must yield exactly one.
/// Native: a password given -> declined. Otherwise a certificate is tried: granted when a rule or the user's
/// <ssl_certificates> yields the user; ambiguous, or no longer valid -> refused; else declined, so that the server's own login
/// decides. HTTP: certificate_asked with a password or other credentials -> refused; with no verified certificate -> refused;
/// otherwise the certificate decides and nothing else (no user named: `user`, the interface's default, was asked for, as in
/// ClickHouse). Without certificate_asked: declined, unless certificate_login is `always` and no password or other credentials
/// came with the request: then a certificate that was shown decides and nothing else, and it may name no user.
/// A user whom a rule gives to a certificate together with a password gets in by both only: the certificate must match, and the
/// login comes with a password (without the certificate header), which the server's own login then judges: declined, with the
/// rule. Without the password: password_required.
/// A user with control characters (or no UTF-8) in the name, or anything else `unprintable`: refused as unprintable before all
/// else, on both interfaces and in observe mode too: there is no such user, and who asks wants to write into a log.
/// cross_site: no login by certificate; declined where a certificate would not have been asked for either.
/// Whatever would be declined is refused for a user who has <ssl_certificates> and no password: there is no other login for it,
/// with or without a password.
///
/// With <nodes>, a certificate that a node rule matches is a node's and logs in natively only, without a password: as a user of
/// <acts_as>, by a rule that yields the user, the user's <ssl_certificates>, or else by the node rule itself. Where the host has
/// each query judged, as any user: that says nothing about its queries (authorize_query), but not where the listener only
/// observes. A password decides as ever; everything else is refused as node_user and never declined.
///
/// The message names the identity, who was asked for and what was missing; never a secret.
[[nodiscard]] LoginDecision authorize(const Standing & standing, const Login & login);

/// The same, and how it came about, rule by rule.
struct Explanation
{
    LoginDecision decision;
    std::vector<mapping::RuleTrace> traces;
};
[[nodiscard]] Explanation explain(const Standing & standing, const Login & login);

/// May a session that `rule` has let in together with a password stay?
[[nodiscard]] LoginDecision stands_by_rule(const Standing & standing, std::string_view rule);

}
