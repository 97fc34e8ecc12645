#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <mtls><admin>.
void read_admin_section(Section & mtls, Settings & settings, Findings & findings);

}
