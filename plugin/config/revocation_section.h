#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// <revocation> in `parent`: policy, grace, stale, warn_before, and authority (repeatable) with a subject and its own policy,
/// grace and stale. What is not said is as in `inherited`.
[[nodiscard]] RevocationSection read_revocation(Section & parent, const RevocationSection & inherited, Findings & findings);

}
