#pragma once

// A reading that cannot be taken as a whole: news of its valid sources, beside what is in force of the others.

#include <optional>
#include <string>
#include <vector>

#include "generation/loader.h"

namespace chmtls::generation
{

struct InPart
{
    std::shared_ptr<Generation> generation; ///< its number and floor are not set
    Contents contents;                      ///< that it was built from
    std::vector<std::string> taken;         ///< paths of the sources that are news, as they are configured
};

/// Of a generation in part; never that of a whole one with the same content.
[[nodiscard]] Digest32 digest_in_part(const Asked & asked, const FileSet & files);

/// What `asked` says of users and of rules for users, nodes and Keepers, and nothing else: ports, files and modes take nobody's
/// trust away.
[[nodiscard]] Asked rules_of(const Asked & asked);

/// Gives `asked` these rules, and back what it had.
void exchange_rules(Asked & asked, Asked & rules) noexcept;

/// Would the exchange change nothing?
[[nodiscard]] bool same_rules(const Asked & asked, const Asked & rules);

/// Sources are what can take trust away: authorities (the system's too), bundles, revocation lists (each file of a directory for
/// itself) and rules files, with their signatures. Each one that is complete and valid, by a build together with the rest of
/// `in_force`, is taken from `reading`; everything else stays as it is in `in_force`. Nothing: no source has valid news.
///
/// The result may believe more than what is in force (an authority was added, a list was withdrawn): it counts only with a floor.
[[nodiscard]] std::optional<InPart>
build_in_part(const Asked & asked, const Reading & reading, const Contents & in_force, UnixTime now, const Generation & previous);

}
