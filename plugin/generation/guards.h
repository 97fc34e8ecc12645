#pragma once

#include "config/settings.h"
#include "config/user_rights.h"
#include "mapping/rule.h"

namespace chmtls::generation
{

/// For a configuration in which certificates stand for users: settings by which somebody could come by such an identity without
/// a certificate that one of the named authorities has issued. Each is a finding with code "FORGEABLE" that names the setting.
void refuse_forgeable(const config::Settings & settings, Errors & errors);

/// The users of mtls.nodes.acts_as: one that an empty password opens to everybody is a finding with code "OPEN-USER"; one without
/// limits is a warning.
void judge_acts_as(const std::vector<config::UserRights> & users, Errors & errors, std::vector<std::string> & warnings);

/// Warnings where users and rules do not fit: a rule whose user is not there, a user whom nothing lets in, a user whom everybody
/// may be. `rules` with captures may give anybody, and so may nodes (`by_nodes`); `reachable`: by others than this machine.
void warn_of_users(
    const std::vector<config::UserRights> & users, const std::vector<mapping::RuleText> & rules, bool by_nodes, bool reachable,
    std::vector<std::string> & warnings);

}
