#include "policy/authorize.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "policy/observing.h"
#include "policy/peer_rules.h"
#include "policy/standing.h"

namespace chmtls::policy
{

namespace
{

LoginDecision refuse(Reason reason, std::string message)
{
    return {Outcome::refused, reason, {}, {}, std::move(message), false, {}};
}

LoginDecision grant(std::string user, std::string rule, std::string message)
{
    return {Outcome::granted, Reason::valid, std::move(user), std::move(rule), std::move(message), false, {}};
}

/// What the certificate says: the user it gives, or no.
LoginDecision by_certificate(
    const generation::Generation & generation, const Identity & identity, std::optional<std::string_view> asked, UnixTime now)
{
    const auto subject = identity.subject();
    auto decision = generation.rules->decide(subject, asked, now);
    const bool wants_password = decision.terms.password == mapping::PasswordNeed::required;
    if (decision.accepted() && !wants_password)
    {
        auto granted = grant(std::move(decision.user), std::move(decision.rule), std::move(decision.message));
        granted.terms = decision.terms;
        return granted;
    }
    std::string matched;
    if (asked && generation.users->matches(subject, *asked, &matched))
        return grant(
            std::string(*asked), "ssl_certificates: " + matched,
            fmt::format("certificate '{}' matches {} of user '{}'", identity.describe(), matched, *asked));
    if (decision.accepted())
        return refuse(
            Reason::password_required, fmt::format(
                                           "certificate '{}' matches rule '{}', which wants the password of user '{}' as well",
                                           identity.describe(), printable(decision.rule), printable(decision.user)));
    if (!asked)
        return refuse(decision.reason, fmt::format("certificate '{}', no user named: {}", identity.describe(), decision.message));
    return refuse(
        decision.reason,
        fmt::format(
            "certificate '{}' may not log in as '{}': {}; no <ssl_certificates> entry of that user matches either",
            identity.describe(), printable(*asked), decision.message));
}

std::optional<std::string_view> named_user(const Login & login)
{
    if (login.user_named && !login.user.empty())
        return login.user;
    return std::nullopt;
}

LoginDecision refuse_unprintable(const Login & login)
{
    return refuse(
        Reason::unprintable, has_control(login.user)
                                 ? "the name of the user has control characters in it, or is not UTF-8"
                                 : "something that the client sent besides the user's name has control characters in it");
}

LoginDecision refuse_cross_site()
{
    return refuse(
        Reason::cross_site,
        "the browser says that another site made it send this request (Sec-Fetch-Site, Origin or Referer), and a "
        "certificate that is shown without being asked for speaks for no other site");
}

/// A login with a password, of a user who needs a certificate besides it.
LoginDecision with_password(
    const generation::Generation & generation, const IdentityPtr & identity, const Login & login, LoginDecision why, UnixTime now)
{
    const auto refused = [&](Reason reason, const std::string & message)
    {
        return refuse(
            reason, fmt::format(
                        "user '{}' needs a certificate and the password (without the certificate header): {}",
                        printable(login.user), message));
    };
    if (login.cross_site)
        return refuse_cross_site();
    if (!login.password_given)
        return refused(why.reason == Reason::valid ? Reason::password_required : why.reason, why.message);
    const auto standing = standing_of(generation, identity, now);
    if (standing.identity == nullptr)
        return refused(standing.reason, standing.message);
    auto decision = generation.rules->decide(standing.identity->subject(), login.user, now);
    if (!decision.accepted())
        return refused(decision.reason, fmt::format("certificate '{}': {}", standing.identity->describe(), decision.message));
    why.outcome = Outcome::declined;
    why.message = fmt::format("certificate '{}' matches rule '{}'", standing.identity->describe(), printable(decision.rule));
    if (decision.terms.password == mapping::PasswordNeed::required)
        why.rule = std::move(decision.rule);
    why.terms = decision.terms;
    return why;
}

/// The server's own login decides, but for a user that can only be entered by certificate, alone or with a password.
LoginDecision decline(
    const generation::Generation & generation, const IdentityPtr & identity, const Login & login, LoginDecision why, UnixTime now)
{
    if (generation.users->certificate_only(login.user))
        return refuse(
            why.reason, fmt::format("user '{}' can log in by certificate only: {}", printable(login.user), why.message));
    if (generation.rules->wants_password(login.user))
        return with_password(generation, identity, login, std::move(why), now);
    why.outcome = Outcome::declined;
    return why;
}

LoginDecision
authorize_native(const generation::Generation & generation, const IdentityPtr & identity, const Login & login, UnixTime now)
{
    if (login.password_given)
        return decline(
            generation, identity, login,
            refuse(Reason::certificate_required, "a password was given, and a certificate overrides no password"), now);
    const auto standing = standing_of(generation, identity, now);
    if (identity == nullptr)
        return decline(generation, identity, login, refuse(standing.reason, standing.message), now);
    // A certificate that has lost its standing is no reason to fall back to an empty password.
    if (standing.identity == nullptr)
        return refuse(standing.reason, standing.message);

    auto decision = by_certificate(generation, *standing.identity, named_user(login), now);
    if (decision.outcome == Outcome::granted || decision.reason == Reason::ambiguous)
        return decision;
    return decline(generation, identity, login, std::move(decision), now);
}

LoginDecision refuse_mixed()
{
    return refuse(
        Reason::mixed_credentials, "X-ClickHouse-SSL-Certificate-Auth cannot be used together with a password, an "
                                   "Authorization header or credentials in the URL");
}

LoginDecision
authorize_http(const generation::Generation & generation, const IdentityPtr & identity, const Login & login, UnixTime now)
{
    const bool always = generation.settings.certificate_login == config::CertificateLogin::always;
    const bool other_means = login.password_given || login.other_credentials;
    if (!login.certificate_asked && other_means)
        return decline(
            generation, identity, login, refuse(Reason::certificate_required, "the request came with other credentials"), now);
    if (!login.certificate_asked && !always)
        return decline(
            generation, identity, login,
            refuse(Reason::certificate_required, "the request does not ask for it (X-ClickHouse-SSL-Certificate-Auth: on)"), now);
    if (!login.certificate_asked && identity == nullptr)
        return decline(generation, identity, login, refuse(Reason::certificate_required, "the peer showed no certificate"), now);
    if (other_means)
        return refuse_mixed();
    if (login.cross_site && !login.certificate_asked)
        return refuse_cross_site();

    const auto standing = standing_of(generation, identity, now);
    if (standing.identity == nullptr)
        return refuse(standing.reason, "login by certificate: " + standing.message);
    // Only `always` lets the rules find the user. Otherwise the interface's default is who was asked for, as in ClickHouse.
    auto asked = named_user(login);
    if (!asked && !always)
    {
        if (login.user.empty())
            return refuse(
                Reason::other_user,
                "login by certificate: no user was named (X-ClickHouse-User), and certificate_login is `header`");
        asked = login.user;
    }
    return by_certificate(generation, *standing.identity, asked, now);
}

/// A cluster node's certificate, matched by `rule`.
LoginDecision authorize_node(
    const generation::Generation & generation, const IdentityPtr & identity, const std::string & rule, const Login & login,
    UnixTime now)
{
    const Identity & node = *identity;
    const bool http = login.interface == Interface::http;
    if (http && login.certificate_asked && (login.password_given || login.other_credentials))
        return refuse_mixed();
    if (login.password_given)
        return decline(
            generation, identity, login,
            refuse(Reason::certificate_required, "a password was given, and a certificate overrides no password"), now);
    const auto refused = [&](const std::string & why)
    {
        return refuse(Reason::node_user, fmt::format("'{}' is a cluster node's ({}): {}", node.describe(), rule, why));
    };
    if (http)
        return refused("nodes log in by certificate over the native protocol only, never over HTTP");
    if (login.user.empty())
        return refused("it names no user");
    const auto & users = generation.nodes->acts_as;
    if (std::find(users.begin(), users.end(), login.user) == users.end())
    {
        if (login.queries_judged && mode_of(generation, node.listener) == config::Mode::enforce)
            return grant(
                std::string(login.user), rule,
                fmt::format(
                    "certificate '{}' is a cluster node's, which runs the queries of others here and none of its own",
                    node.describe()));
        if (users.empty())
            return refused("nodes log in as nobody here, since mtls.nodes.acts_as names no user");
        return refused(fmt::format(
            "it may not log in as '{}', but only as '{}' (mtls.nodes.acts_as)", printable(login.user),
            printable(fmt::format("{}", fmt::join(users, "', '")), 1024)));
    }

    auto decision = by_certificate(generation, node, login.user, now);
    if (decision.outcome == Outcome::granted)
        return decision;
    return grant(
        std::string(login.user), rule,
        fmt::format("certificate '{}' is a cluster node's, and nodes may act as '{}'", node.describe(), login.user));
}

/// The decision on a node; nothing for everybody else.
std::optional<LoginDecision>
authorize_as_node(const generation::Generation & generation, const IdentityPtr & identity, const Login & login, UnixTime now)
{
    if (generation.nodes == nullptr || generation.nodes->rules == nullptr || identity == nullptr)
        return std::nullopt;
    const auto standing = standing_of(generation, identity, now);
    if (standing.identity == nullptr)
        return std::nullopt;
    const auto match = generation.nodes->rules->match(standing.identity->subject());
    if (match.reason == Reason::no_rule)
        return std::nullopt;
    if (!match.matched()) // whether it is a node's is not known
        return refuse(match.reason, fmt::format("certificate '{}': {}", standing.identity->describe(), match.message));
    return authorize_node(generation, standing.identity, node_rule(match.rule), login, now);
}

LoginDecision
authorize_by(const generation::Generation & generation, const IdentityPtr & identity, const Login & login, UnixTime now)
{
    if (login.unprintable || has_control(login.user))
        return refuse_unprintable(login);
    if (auto decision = authorize_as_node(generation, identity, login, now))
        return std::move(*decision);
    if (login.interface == Interface::http)
        return authorize_http(generation, identity, login, now);
    return authorize_native(generation, identity, login, now);
}

/// Terms that hold only when both do.
mapping::RuleTerms both(mapping::RuleTerms one, const mapping::RuleTerms & other)
{
    if (!one.valid_from || (other.valid_from && *other.valid_from > *one.valid_from))
        one.valid_from = other.valid_from;
    if (!one.valid_until || (other.valid_until && *other.valid_until < *one.valid_until))
        one.valid_until = other.valid_until;
    if (!one.max_session || (other.max_session && *other.max_session < *one.max_session))
        one.max_session = other.max_session;
    if (other.password == mapping::PasswordNeed::required)
        one.password = other.password;
    return one;
}

/// Of a decision that is no refusal and what the generation below says.
LoginDecision stricter(LoginDecision decision, LoginDecision floor)
{
    if (floor.outcome == Outcome::refused)
        return floor;
    if (decision.outcome == Outcome::granted && floor.outcome == Outcome::granted && decision.user != floor.user)
        return refuse(
            Reason::ambiguous,
            fmt::format(
                "rules give '{}', but '{}' until all files are in order", printable(decision.user), printable(floor.user)));
    const mapping::RuleTerms terms = both(decision.terms, floor.terms);
    // Declined: ClickHouse's own login has to find the password right, so that is the stricter one.
    const bool by_floor = decision.outcome == Outcome::granted && floor.outcome == Outcome::declined;
    const bool rule_of_floor
        = decision.outcome == Outcome::declined && floor.outcome == Outcome::declined && decision.rule.empty();
    LoginDecision result = by_floor || rule_of_floor ? std::move(floor) : std::move(decision);
    result.terms = terms;
    return result;
}

}

LoginDecision
authorize(const generation::Generation & generation, const IdentityPtr & identity, const Login & login, UnixTime now)
{
    auto decision = authorize_by(generation, identity, login, now);
    if (generation.floor == nullptr || decision.outcome == Outcome::refused)
        return decision;
    return stricter(std::move(decision), authorize(*generation.floor, identity, login, now));
}

Explanation explain(const generation::Generation & generation, const IdentityPtr & identity, const Login & login, UnixTime now)
{
    Explanation explanation{authorize(generation, identity, login, now), {}};
    const auto standing = standing_of(generation, identity, now);
    if (standing.identity == nullptr)
        return explanation;
    const auto subject = standing.identity->subject();
    if (generation.nodes != nullptr && generation.nodes->rules != nullptr)
    {
        explanation.traces = generation.nodes->rules->explain(subject);
        for (auto & trace : explanation.traces)
            trace.rule = node_rule(trace.rule);
    }
    auto of_rules = generation.rules->explain(subject, now);
    explanation.traces.insert(
        explanation.traces.end(), std::make_move_iterator(of_rules.begin()), std::make_move_iterator(of_rules.end()));
    auto of_user = generation.users->explain(subject, login.user);
    explanation.traces.insert(
        explanation.traces.end(), std::make_move_iterator(of_user.begin()), std::make_move_iterator(of_user.end()));
    return explanation;
}

namespace
{

LoginDecision
stands_by_one(const generation::Generation & generation, const IdentityPtr & identity, std::string_view rule, UnixTime now)
{
    const auto user = generation.rules->user_of_password_rule(rule);
    if (!user)
        return refuse(
            Reason::no_rule, fmt::format("there is no rule '{}' for a certificate with a password any more", printable(rule)));
    const auto standing = standing_of(generation, identity, now);
    if (standing.identity == nullptr)
        return refuse(standing.reason, standing.message);
    auto decision = generation.rules->decide(standing.identity->subject(), *user, now);
    if (!decision.accepted())
        return refuse(decision.reason, std::move(decision.message));
    auto granted = grant(std::string(*user), std::move(decision.rule), {});
    granted.terms = decision.terms;
    return granted;
}

}

LoginDecision
stands_by_rule(const generation::Generation & generation, const IdentityPtr & identity, std::string_view rule, UnixTime now)
{
    auto decision = stands_by_one(generation, identity, rule, now);
    if (generation.floor == nullptr || decision.outcome == Outcome::refused)
        return decision;
    return stricter(std::move(decision), stands_by_rule(*generation.floor, identity, rule, now));
}

}
