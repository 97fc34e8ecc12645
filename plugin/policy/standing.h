#pragma once

// A peer's certificate as one generation sees it at one moment. It is found once for each judgement, and handed on.

#include <functional>
#include <string>

#include "generation/generation.h"
#include "policy/identity.h"

namespace chmtls::policy
{

struct PeerVerdict;

/// What a decision on a peer stands on. Borrows the generation.
struct Standing
{
    const generation::Generation & generation;
    UnixTime now;         ///< the one reading of the clock
    IdentityPtr shown;    ///< what the peer has proved, by whatever generation; null: it showed no certificate
    IdentityPtr identity; ///< to decide by; null: none, for the `reason`
    Reason reason = Reason::certificate_required;
    std::string message;
};

/// How a chain of another generation is judged again.
using JudgeAgain = std::function<PeerVerdict(const Identity &)>;

/// A chain that another generation judged is judged again (`again`; without it, verify_again); one past its validity, and one of
/// a server that we connected to, has no standing. `shown` may be null.
[[nodiscard]] Standing
standing_of(const generation::Generation & generation, const IdentityPtr & shown, UnixTime now, const JudgeAgain & again = {});

/// The same peer by the floor of the generation, which there must be.
[[nodiscard]] Standing standing_by_floor(const Standing & standing);

}
