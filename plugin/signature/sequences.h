#pragma once

// The sequence numbers of signed files that were in force: they may only grow, also across restarts.

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace chmtls::signature
{

struct Accepted
{
    uint64_t sequence = 0;
    Digest32 content{}; ///< the same number must stay with the same content
    [[nodiscard]] bool operator==(const Accepted &) const = default;
};

/// By path as configured.
using Sequences = std::map<std::string, Accepted>;

/// For each file the newer of both.
void merge(Sequences & into, const Sequences & from);

/// Refuses what is older than `known`, or other content under the same number. `source`: the signature's file.
[[nodiscard]] Result<void>
check_sequence(const Sequences & known, const std::string & path, const Accepted & candidate, const std::string & source);

/// Text: a head line, "SEQUENCE CONTENT-DIGEST PATH" per file, and "end NUMBER-OF-FILES", so that a part of it is not taken for
/// the whole.
[[nodiscard]] std::string print(const Sequences & sequences);
[[nodiscard]] Result<Sequences> parse_sequences(std::string_view text, const std::string & source);

}
