#pragma once

// From what was asked and read to a generation.

#include "base/time.h"
#include "generation/reading.h"

namespace chmtls::generation
{

/// Checks everything in `reading` and builds a generation from it; its number is not set. `previous` may be null: a certificate
/// that is in force already and has not changed is kept although it has expired meanwhile, with a warning, so that it does not
/// keep news of trust from being taken.
[[nodiscard]] Checked<std::shared_ptr<Generation>>
build(const Asked & asked, const Reading & reading, UnixTime now, const Generation * previous);

/// A candidate, checked and complete but for its number, with every path that it was read from (files, directories, link
/// targets).
struct Loaded
{
    std::shared_ptr<Generation> generation;
    std::vector<std::string> files; ///< to be watched
};

/// Reads everything of one moment and checks everything: settings, key/certificate match, chains, dates, CRL signatures, bundles,
/// every rule. All findings at once. Files of one directory are read through one resolved directory handle.
[[nodiscard]] Checked<Loaded> load(const Input & input, UnixTime now);

}
