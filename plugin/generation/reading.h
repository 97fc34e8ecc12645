#pragma once

// The files of one moment.

#include "generation/material.h"
#include "signature/sequences.h"

namespace chmtls::generation
{

/// Everything that `asked` names, read at one moment.
struct Reading
{
    FileSet files;
    Material material;                      ///< of `files`
    Digest32 digest{};                      ///< over what was asked and what was read
    Result<signature::Sequences> sequences; ///< that the state file remembers; our own file, so no part of the digest
    bool torn = false; ///< files changed while they were read, several times over: nothing may be built from it
};

[[nodiscard]] Reading read(const Asked & asked);

/// What `asked` names, out of `contents`: no file is opened. The digest is the caller's to say.
[[nodiscard]] Reading read_from(const Contents & contents, const Asked & asked, Result<signature::Sequences> sequences);

/// Of what was asked and of the contents of `files`.
[[nodiscard]] Digest32 digest_of(const Asked & asked, const FileSet & files);

}
