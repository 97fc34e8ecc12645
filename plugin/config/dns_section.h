#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// Names beyond this many are a finding.
inline constexpr size_t max_watched_names = 10000;

/// <mtls><dns>.
void read_dns_section(Section & mtls, Settings & settings, Findings & findings);

/// Adds the hosts of <remote_servers>, <zookeeper>, <mtls><nodes> and <mtls><keeper> to those that the configuration names and,
/// when there is a <dns> section, to the names to watch. Hosts that are addresses, or no host names, are not watched: the server
/// itself judges those.
void add_configured_hosts(const Element & root, DnsSettings & dns);

/// The same for the hosts that users are limited to by <networks><host>; of a users configuration, which parse_users judges.
void add_hosts_of_users(std::string_view users_xml, DnsSettings & dns);

}
