#include "policy/on_behalf.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "mapping/rule_set.h"
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

LoginDecision decline(std::string message)
{
    return {Outcome::declined, Reason::valid, {}, {}, std::move(message), false, {}};
}

LoginDecision grant(std::string_view user, std::string rule, std::string message)
{
    return {Outcome::granted, Reason::valid, std::string(user), std::move(rule), std::move(message), false, {}};
}

bool acts_as_session_user(const generation::Generation & generation, const Query & query)
{
    const auto & users = generation.nodes->acts_as;
    return std::find(users.begin(), users.end(), query.session_user) != users.end();
}

/// Nobody asked for it but the node.
LoginDecision
without_asker(const generation::Generation & generation, const Identity & node, const std::string & rule, const Query & query)
{
    if (acts_as_session_user(generation, query))
        return grant(
            query.session_user, rule,
            fmt::format("nobody asked for it, and nodes may act as '{}'", printable(query.session_user)));
    return refuse(
        Reason::node_user,
        fmt::format(
            "'{}' is a cluster node's ({}), and says of nobody that they asked for this query: as '{}' it may run the queries of "
            "others only, since mtls.nodes.acts_as does not name that user",
            node.describe(), rule, printable(query.session_user)));
}

LoginDecision
of_node(const generation::Generation & generation, const Identity & node, const std::string & rule, const Query & query)
{
    if (!query.session_granted)
        return decline("the node logged in with a password: its queries run as that user");
    // A login from before it was only observed may be one that says nothing of its queries.
    if (mode_of(generation, node.met) == config::Mode::observe && acts_as_session_user(generation, query))
        return decline("only observed: a node's queries run as its session's user");
    if (query.initial_user.empty())
        return without_asker(generation, node, rule, query);
    if (!mapping::valid_user_name(query.initial_user))
        return refuse(
            Reason::on_behalf,
            fmt::format(
                "'{}' is a cluster node's ({}), and names as who asked for this query what is no user's name: '{}'",
                node.describe(), rule, printable(query.initial_user)));
    return grant(
        query.initial_user, rule,
        fmt::format("'{}' asked for it at '{}'", printable(query.initial_user), printable(query.initial_address)));
}

/// A user may send a query of ClickHouse's own kind, and so does every server that is no node here (remote() with a password).
LoginDecision of_others(const Query & query)
{
    const bool own = query.initial_user.empty() || query.initial_user == query.session_user;
    return grant(
        query.session_user, {},
        own ? "a session's own query"
            : fmt::format(
                "it is its session's own: that '{}' asked for it counts for nothing, since only a cluster node may say so",
                printable(query.initial_user)));
}

/// Live sessions stay where it is only observed, and so do their queries.
bool is_observed(const Standing & standing)
{
    return standing.shown != nullptr && mode_of(standing.generation, standing.shown->met) == config::Mode::observe;
}

/// A login by certificate stands only as long as it would be granted again: one of a node is worth nothing of its own when no
/// rule makes it a node any more.
std::optional<LoginDecision> no_longer_granted(const Standing & standing, const Query & query)
{
    if (!query.session_granted || is_observed(standing))
        return std::nullopt;
    const auto login = authorize(standing, {.user = query.session_user, .user_named = true});
    if (login.outcome == Outcome::granted && login.user == query.session_user)
        return std::nullopt;
    return refuse(login.reason, fmt::format("user '{}' is no longer granted: {}", printable(query.session_user), login.message));
}

}

LoginDecision authorize_query(const Standing & standing, const Query & query)
{
    const auto & nodes = standing.generation.nodes;
    if (nodes == nullptr || nodes->rules == nullptr)
    {
        if (auto refused = no_longer_granted(standing, query))
            return std::move(*refused);
        return decline("mtls.nodes names no nodes");
    }
    if (standing.shown == nullptr)
        return of_others(query);
    if (standing.identity == nullptr)
    {
        // Its own it may ask on, and no more than that: declined, its word on who asked would be handed on.
        const bool was_no_node = nodes->rules->match(standing.shown->subject()).reason == Reason::no_rule;
        return was_no_node && is_observed(standing) ? of_others(query) : refuse(standing.reason, standing.message);
    }
    const auto match = nodes->rules->match(standing.identity->subject());
    if (match.reason == Reason::no_rule)
    {
        if (auto refused = no_longer_granted(standing, query))
            return std::move(*refused);
        return of_others(query);
    }
    if (!match.matched()) // whether it is a node's is not known
        return refuse(match.reason, fmt::format("certificate '{}': {}", standing.identity->describe(), match.message));
    return of_node(standing.generation, *standing.identity, node_rule(match.rule), query);
}

}
