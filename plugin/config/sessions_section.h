#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <mtls><sessions>.
void read_sessions(Section & mtls, Settings & settings, Findings & findings);

}
