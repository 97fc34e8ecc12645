#pragma once

#include "generation/reading.h"
#include "signature/sequences.h"

namespace chmtls::generation
{

/// What stands beside a file that has to be signed, when its name is FILE: FILE.minisig.
[[nodiscard]] std::string signature_file(const std::string & path);

/// Reads keys and signatures, as of the same moment as the files.
void read_signatures(FileSet & files, const config::Settings & settings);

/// The sequence numbers that the state file remembers, empty when nothing has to be signed; a state file that is not there is
/// one of an empty server, as long as its directory is there.
[[nodiscard]] Result<signature::Sequences> read_sequences(const config::SignedPolicy & policy);

/// Checks everything that has to be signed; `known`: what was in force before this process, `in_force`: in it. Findings are added
/// to `errors`. What is in force when the candidate is: the merge of all three.
[[nodiscard]] signature::Sequences check_signatures(
    const config::Settings & settings, FileSet & files, const Result<signature::Sequences> & known,
    const signature::Sequences & in_force, Errors & errors, std::vector<std::string> & warnings);

/// Remembers for the time after a restart. Nothing is written when nothing has to be signed or nothing is new.
[[nodiscard]] Result<void> remember_sequences(
    const config::SignedPolicy & policy, const Result<signature::Sequences> & known, const signature::Sequences & in_force);

}
