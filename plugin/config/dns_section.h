#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// Names beyond this many are a finding.
inline constexpr size_t max_watched_names = 10000;

/// <mtls><dns>.
void read_dns_section(Section & mtls, Settings & settings, Findings & findings);

/// Adds the hosts of <remote_servers> and <zookeeper> to the names to watch, when there is a <dns> section. Hosts that are
/// addresses, or no host names, are left out: the server itself judges those.
void add_configured_hosts(const Element & root, DnsSettings & dns);

}
