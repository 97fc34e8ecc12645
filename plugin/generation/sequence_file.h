#pragma once

// The state file of mtls.signed_policy: which sequence numbers were in force.

#include "config/settings.h"
#include "signature/sequences.h"

namespace chmtls::generation
{

/// The sequence numbers that the state file remembers, empty when nothing has to be signed; a state file that is not there is
/// one of an empty server, as long as its directory is there.
[[nodiscard]] Result<signature::Sequences> read_sequences(const config::SignedPolicy & policy);

/// Remembers for the time after a restart. Nothing is written when nothing has to be signed or nothing is new.
[[nodiscard]] Result<void> remember_sequences(
    const config::SignedPolicy & policy, const Result<signature::Sequences> & known, const signature::Sequences & in_force);

}
