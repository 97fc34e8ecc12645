#include "generation/guards.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace chmtls::generation
{

void refuse_forgeable(const config::Settings & settings, Errors & errors)
{
    const auto refuse = [&](const std::string & key, const std::string & reason, const std::string & remedy)
    {
        errors.push_back({"", "openSSL.server." + key, reason, remedy, "FORGEABLE"});
    };
    if (settings.server.verification_mode == config::VerificationMode::none)
        refuse(
            "verificationMode", "is none: certificates are not verified, while rules or users are matched against them",
            "write relaxed or strict, or remove the rules and the users' <ssl_certificates>");
    if (settings.server.handler == config::CertificateHandler::accept)
        refuse(
            "invalidCertificateHandler.name",
            "is AcceptCertificateHandler: it lets certificates pass that do not verify, while rules or users are matched "
            "against them",
            "write RejectCertificateHandler, or remove the rules and the users' <ssl_certificates>");
    if (settings.server.load_default_ca_file)
        refuse(
            "loadDefaultCAFile",
            "is true: each of the system's authorities could issue certificates that rules or users are matched against",
            "write false, and name in caConfig the authorities that vouch for clients");
}

void judge_acts_as(const std::vector<config::UserRights> & users, Errors & errors, std::vector<std::string> & warnings)
{
    for (const config::UserRights & rights : users)
    {
        const std::string name = printable(rights.user);
        if (rights.open)
            errors.push_back(
                {"", "mtls.nodes.acts_as.user",
                 fmt::format("user '{}' has an empty password, so everybody may act as it without a certificate", name),
                 fmt::format("remove the empty password from users.{}: a user without any is closed to passwords here", name),
                 "OPEN-USER"});
        else if (!rights.limited)
            warnings.push_back(fmt::format(
                "mtls.nodes.acts_as: user '{}' has no limits (no allow_databases, no readonly profile), so a node may do "
                "anything "
                "here that it says nobody asked for",
                name));
    }
}

namespace
{

constexpr size_t max_named = 10; // a rules file may hold a hundred thousand

/// One warning each for the first ones, and one for the number of the others.
void warn_of_each(const std::vector<std::string> & found, const std::string & others, std::vector<std::string> & warnings)
{
    warnings.insert(warnings.end(), found.begin(), found.begin() + static_cast<long>(std::min(found.size(), max_named)));
    if (found.size() > max_named)
        warnings.push_back(fmt::format("{} {}", found.size() - max_named, others));
}

}

void warn_of_users(
    const std::vector<config::UserRights> & users, const std::vector<mapping::RuleText> & rules, bool by_nodes, bool reachable,
    std::vector<std::string> & warnings)
{
    if (users.empty())
        return; // there is no users configuration to look at
    std::set<std::string_view> known;
    for (const config::UserRights & user : users)
        known.insert(user.user);
    std::set<std::string_view> given;
    bool anybody = by_nodes;
    std::vector<std::string> missing;
    for (const mapping::RuleText & rule : rules)
    {
        const bool fixed = rule.user.find_first_of("{}") == std::string::npos;
        anybody = anybody || !fixed;
        if (fixed && given.insert(rule.user).second && !known.contains(rule.user))
            missing.push_back(fmt::format(
                "{}: rule '{}' gives the user '{}', who is not in the users configuration, so its logins fail: add the user (it "
                "needs no password)",
                rule.source, printable(rule.name), printable(rule.user)));
    }
    warn_of_each(missing, "more users of rules are not in the users configuration", warnings);

    std::vector<std::string> closed;
    std::vector<std::string> open;
    for (const config::UserRights & user : users)
    {
        if (!user.has_login && !anybody && !given.contains(user.user))
            closed.push_back(fmt::format(
                "users.{}: nothing lets this user in: it has no password and no <ssl_certificates>, and no rule gives it; add "
                "one "
                "of them, or remove the user",
                printable(user.user)));
        if (user.open && user.from_anywhere && reachable)
            open.push_back(fmt::format(
                "users.{}: has an empty password and may come from anywhere (<networks>), so everybody who reaches a port is "
                "this "
                "user without a certificate: set a password, or limit <networks>",
                printable(user.user)));
    }
    warn_of_each(closed, "more users are let in by nothing", warnings);
    warn_of_each(open, "more users have an empty password and may come from anywhere", warnings);
}

}
