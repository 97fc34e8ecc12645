#pragma once

// Between servers: who is a node, who is a Keeper, and what we show to them.

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <nodes>: its presence enforces node identities. `settings.client` is there already.
void read_nodes(Section & mtls, Settings & settings, Findings & findings);

/// <keeper>
void read_keeper(Section & mtls, Settings & settings, Findings & findings);

/// <credentials>
void read_purpose_certificates(Section & mtls, Settings & settings, Findings & findings);

}
