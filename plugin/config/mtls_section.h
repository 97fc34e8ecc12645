#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <mtls>. `settings.listeners` is there already, with what openSSL.server says; <listeners> overrides it.
void read_mtls_section(const Element & element, Settings & settings, Findings & findings);

}
