#pragma once

// The audit trail: a file of records of its own, one JSON object a line (RFC 8259; docs/audit.md has the members).
//
// Each record begins with `"v"` (the schema's version), `"n"` (its number) and `"prev"` (SHA-256 of the record before, without
// its line end, in hex; of the first one: zeros). So a record that was changed, taken out or put in is found by whoever reads the
// file (check_trail), and a tail that was cut off by whoever knows the head.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace chmtls::observe
{

inline constexpr int trail_version = 1;

/// The last record; number 0: there is none yet, and the hash is of zeros.
struct TrailHead
{
    uint64_t number = 0;
    Digest32 hash{};

    bool operator==(const TrailHead &) const = default;
    /// "NUMBER:HEX"
    [[nodiscard]] std::string str() const;
};

/// What stands before the members of an event.
struct TrailLink
{
    uint64_t number = 0;
    Digest32 previous{};
};

/// Of a line as Trail writes them; nothing for any other.
[[nodiscard]] bool read_link(std::string_view line, TrailLink & link);

/// Thread-safe.
class Trail
{
public:
    /// The chain goes on where the file ends; where it is empty or new, where PATH.1 ends, as logrotate leaves it. The file is
    /// made with mode 0640, and a symbolic link is not followed. The error names the file, the reason and the remedy.
    [[nodiscard]] static Result<std::unique_ptr<Trail>> open(const std::string & path);
    ~Trail();
    Trail(const Trail &) = delete;
    Trail & operator=(const Trail &) = delete;

    /// Appends a record of `members` (complete JSON members: `"event": "login", ...`). It is in the file when this returns, and
    /// in the chain only then. Once a second it looks whether the file was renamed or removed, and begins it anew.
    [[nodiscard]] Result<void> append(std::string_view members, std::chrono::system_clock::time_point now);

    [[nodiscard]] TrailHead head() const;
    [[nodiscard]] const std::string & path() const { return path_; }

private:
    Trail(std::string path, int file);
    [[nodiscard]] Result<void> follow_rotation();
    [[nodiscard]] Result<void> write_whole(std::string_view line);

    const std::string path_;
    mutable std::mutex mutex_;
    int file_;                                          ///< -1: it could not be opened again
    bool torn_ = false;                                 ///< the file may end in the middle of a line
    std::chrono::steady_clock::time_point looked_at_{}; ///< for a rotation
    TrailHead head_;
};

}
