#pragma once

// Reading audit trails: is everything there that was written.

#include <optional>
#include <string>
#include <vector>

#include "observe/trail.h"

namespace chmtls::observe
{

struct TrailFinding
{
    std::string file;
    uint64_t line = 0;
    std::string reason;
};

struct TrailSummary
{
    uint64_t records = 0;
    uint64_t first = 0;               ///< number of the first record; 0: there is none
    TrailHead head;                   ///< of the last one
    std::vector<TrailFinding> faults; ///< a record is missing, changed or put in; at most max_faults
    std::vector<TrailFinding>
        notes; ///< what has an innocent reason: half a line that a crash left, an older beginning that is not here
};

inline constexpr size_t max_faults = 100;

/// Reads the files in this order, the oldest first. `expected`: what `status` or the metrics said last. The error: a file that
/// cannot be read.
[[nodiscard]] Result<TrailSummary>
check_trail(const std::vector<std::string> & files, const std::optional<TrailHead> & expected = std::nullopt);

/// Of "NUMBER:HEX".
[[nodiscard]] std::optional<TrailHead> parse_head(std::string_view text);

}
