#include "policy/authorize.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "policy/observing.h"
#include "policy/peer_rules.h"

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

/// What the certificate, which has standing, says: the user it gives, or no.
LoginDecision by_certificate(const Standing & standing, std::optional<std::string_view> asked)
{
    const auto & generation = standing.generation;
    const Identity & identity = *standing.identity;
    const auto subject = identity.subject();
    auto decision = generation.rules->decide(subject, asked, standing.now);
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

/// Nobody was named and no rule speaks of the certificate: it is the one user whose <ssl_certificates> it matches.
LoginDecision by_users(const Standing & standing, LoginDecision why)
{
    const Identity & identity = *standing.identity;
    const auto users = standing.generation.users->matching(identity.subject(), 2);
    if (users.empty())
        return why;
    const auto & [user, matched] = users.front();
    if (users.size() > 1)
        return refuse(
            Reason::ambiguous,
            fmt::format(
                "certificate '{}', no user named: it matches <ssl_certificates> of '{}' and of '{}'; name the user",
                identity.describe(), printable(user), printable(users.back().first)));
    return grant(
        std::string(user), "ssl_certificates: " + matched,
        fmt::format(
            "certificate '{}', no user named: it matches {} of user '{}' and of nobody else", identity.describe(), matched,
            printable(user)));
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
LoginDecision with_password(const Standing & standing, const Login & login, LoginDecision why)
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
    if (standing.identity == nullptr)
        return refused(standing.reason, standing.message);
    auto decision = standing.generation.rules->decide(standing.identity->subject(), login.user, standing.now);
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
LoginDecision decline(const Standing & standing, const Login & login, LoginDecision why)
{
    if (standing.generation.users->certificate_only(login.user))
        return refuse(
            why.reason, fmt::format("user '{}' can log in by certificate only: {}", printable(login.user), why.message));
    if (standing.generation.rules->wants_password(login.user))
        return with_password(standing, login, std::move(why));
    why.outcome = Outcome::declined;
    return why;
}

LoginDecision authorize_native(const Standing & standing, const Login & login)
{
    if (login.password_given)
        return decline(
            standing, login,
            refuse(Reason::certificate_required, "a password was given, and a certificate overrides no password"));
    if (standing.shown == nullptr)
        return decline(standing, login, refuse(standing.reason, standing.message));
    // A certificate that has lost its standing is no reason to fall back to an empty password.
    if (standing.identity == nullptr)
        return refuse(standing.reason, standing.message);

    auto decision = by_certificate(standing, named_user(login));
    if (decision.outcome == Outcome::granted || decision.reason == Reason::ambiguous)
        return decision;
    return decline(standing, login, std::move(decision));
}

LoginDecision refuse_mixed()
{
    return refuse(
        Reason::mixed_credentials, "X-ClickHouse-SSL-Certificate-Auth cannot be used together with a password, an "
                                   "Authorization header or credentials in the URL");
}

LoginDecision authorize_http(const Standing & standing, const Login & login)
{
    const bool always = standing.generation.settings.certificate_login == config::CertificateLogin::always;
    const bool other_means = login.password_given || login.other_credentials;
    if (!login.certificate_asked && other_means)
        return decline(standing, login, refuse(Reason::certificate_required, "the request came with other credentials"));
    if (!login.certificate_asked && !always)
        return decline(
            standing, login,
            refuse(Reason::certificate_required, "the request does not ask for it (X-ClickHouse-SSL-Certificate-Auth: on)"));
    if (!login.certificate_asked && standing.shown == nullptr)
        return decline(standing, login, refuse(Reason::certificate_required, "the peer showed no certificate"));
    if (other_means)
        return refuse_mixed();
    if (login.cross_site && !login.certificate_asked)
        return refuse_cross_site();

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
    auto decision = by_certificate(standing, asked);
    if (!asked && decision.reason == Reason::no_rule)
        return by_users(standing, std::move(decision));
    return decision;
}

/// A cluster node's certificate, matched by `rule`.
LoginDecision authorize_node(const Standing & standing, const std::string & rule, const Login & login)
{
    const auto & generation = standing.generation;
    const Identity & node = *standing.identity;
    const bool http = login.interface == Interface::http;
    if (http && login.certificate_asked && (login.password_given || login.other_credentials))
        return refuse_mixed();
    if (login.password_given)
        return decline(
            standing, login,
            refuse(Reason::certificate_required, "a password was given, and a certificate overrides no password"));
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
        // Where it is only observed, whoever enters without us stays with ClickHouse's own login, and their queries are theirs.
        const bool enters_without
            = mode_of(generation, node.met) == config::Mode::observe && generation.nodes->open_users.contains(login.user);
        if (login.queries_judged && !enters_without)
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

    auto decision = by_certificate(standing, login.user);
    if (decision.outcome == Outcome::granted)
        return decision;
    return grant(
        std::string(login.user), rule,
        fmt::format("certificate '{}' is a cluster node's, and nodes may act as '{}'", node.describe(), login.user));
}

/// The decision on a node; nothing for everybody else.
std::optional<LoginDecision> authorize_as_node(const Standing & standing, const Login & login)
{
    const auto & nodes = standing.generation.nodes;
    if (nodes == nullptr || nodes->rules == nullptr || standing.identity == nullptr)
        return std::nullopt;
    const auto match = nodes->rules->match(standing.identity->subject());
    if (match.reason == Reason::no_rule)
        return std::nullopt;
    if (!match.matched()) // whether it is a node's is not known
        return refuse(match.reason, fmt::format("certificate '{}': {}", standing.identity->describe(), match.message));
    return authorize_node(standing, node_rule(match.rule), login);
}

LoginDecision by_one(const Standing & standing, const Login & login)
{
    if (login.unprintable || has_control(login.user))
        return refuse_unprintable(login);
    if (auto decision = authorize_as_node(standing, login))
        return std::move(*decision);
    if (login.interface == Interface::http)
        return authorize_http(standing, login);
    return authorize_native(standing, login);
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

/// As if enforced.
LoginDecision decide(const Standing & standing, const Login & login)
{
    auto decision = by_one(standing, login);
    if (standing.generation.floor == nullptr || decision.outcome == Outcome::refused)
        return decision;
    return stricter(std::move(decision), decide(standing_by_floor(standing), login));
}

}

LoginDecision authorize(const Standing & standing, const Login & login)
{
    auto decision = decide(standing, login);
    if (decision.outcome != Outcome::refused || !lets_through(standing, login))
        return decision;
    decision.outcome = Outcome::declined;
    decision.let_through = true;
    return decision;
}

Explanation explain(const Standing & standing, const Login & login)
{
    Explanation explanation{authorize(standing, login), {}};
    if (standing.identity == nullptr)
        return explanation;
    const auto & generation = standing.generation;
    const auto subject = standing.identity->subject();
    if (generation.nodes != nullptr && generation.nodes->rules != nullptr)
    {
        explanation.traces = generation.nodes->rules->explain(subject);
        for (auto & trace : explanation.traces)
            trace.rule = node_rule(trace.rule);
    }
    auto of_rules = generation.rules->explain(subject, standing.now);
    explanation.traces.insert(
        explanation.traces.end(), std::make_move_iterator(of_rules.begin()), std::make_move_iterator(of_rules.end()));
    auto of_user = generation.users->explain(subject, login.user);
    explanation.traces.insert(
        explanation.traces.end(), std::make_move_iterator(of_user.begin()), std::make_move_iterator(of_user.end()));
    return explanation;
}

namespace
{

LoginDecision stands_by_one(const Standing & standing, std::string_view rule)
{
    const auto & rules = *standing.generation.rules;
    const auto user = rules.user_of_password_rule(rule);
    if (!user)
        return refuse(
            Reason::no_rule, fmt::format("there is no rule '{}' for a certificate with a password any more", printable(rule)));
    if (standing.identity == nullptr)
        return refuse(standing.reason, standing.message);
    auto decision = rules.decide(standing.identity->subject(), *user, standing.now);
    if (!decision.accepted())
        return refuse(decision.reason, std::move(decision.message));
    auto granted = grant(std::string(*user), std::move(decision.rule), {});
    granted.terms = decision.terms;
    return granted;
}

}

LoginDecision stands_by_rule(const Standing & standing, std::string_view rule)
{
    auto decision = stands_by_one(standing, rule);
    if (standing.generation.floor == nullptr || decision.outcome == Outcome::refused)
        return decision;
    return stricter(std::move(decision), stands_by_rule(standing_by_floor(standing), rule));
}

}
