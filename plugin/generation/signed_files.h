#pragma once

// Policy files that have to be signed.

#include "generation/material.h"
#include "signature/sequences.h"

namespace chmtls::generation
{

/// Checks everything that has to be signed; `known`: what was in force before this process, `in_force`: in it. Findings are added
/// to `errors`. What is in force when the candidate is: the merge of all three.
[[nodiscard]] signature::Sequences check_signatures(
    const config::Settings & settings, const Material & material, const Result<signature::Sequences> & known,
    const signature::Sequences & in_force, Errors & errors, std::vector<std::string> & warnings);

}
