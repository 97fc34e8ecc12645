#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <mtls><signed_policy>.
void read_signed_policy(Section & mtls, Settings & settings, Findings & findings);

}
