#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <mtls><audit>.
void read_audit_section(Section & mtls, Settings & settings, Findings & findings);

}
