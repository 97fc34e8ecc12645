#pragma once

#include <string>

#include "generation/generation.h"
#include "policy/identity.h"
#include "policy/verify.h"

namespace chmtls::policy
{

/// A peer's certificate as it stands now: the identity to decide by, or why there is none.
struct Standing
{
    IdentityPtr identity;
    Reason reason = Reason::certificate_required;
    std::string message;
};

/// A chain that an older generation judged is judged again; one past its validity, and one of a server that we connected to, has
/// no standing. `identity` may be null.
[[nodiscard]] Standing standing_of(const generation::Generation & generation, const IdentityPtr & identity, UnixTime now);

}
