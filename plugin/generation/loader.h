#pragma once

#include "base/time.h"
#include "generation/generation.h"

namespace chmtls::generation
{

/// What the host gave us, as text.
struct Input
{
    std::string server_xml;
    std::string users_xml;
    std::string server_source;
    std::string users_source;
    std::vector<std::string> watched; ///< the files both came from
    [[nodiscard]] bool operator==(const Input &) const = default;
};

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
