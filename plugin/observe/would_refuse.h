#pragma once

// Observe mode: what enforcement would refuse, by identity and reason, for operators.

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/reason.h"
#include "base/time.h"

namespace chmtls::observe
{

/// At which step something would be refused.
enum class Stage : uint8_t
{
    peer,    ///< a handshake
    login,   ///< a login; the server's own decided instead
    session, ///< a live session that would be closed
};

[[nodiscard]] std::string_view name(Stage stage);

struct Refusal
{
    Stage stage = Stage::peer;
    std::string where;    ///< listener, or "outgoing"
    std::string identity; ///< as the certificate says it
    std::string user;     ///< asked for, or logged in; may be empty
    Reason reason = Reason::internal;

    [[nodiscard]] bool operator<(const Refusal & other) const;
};

struct Observed
{
    uint64_t count = 0;
    UnixTime last{};
    uint64_t generation = 0; ///< that judged the last one
    std::string message;     ///< of the last one
};

/// Bounded: peers choose what stands in their certificates. Thread-safe, no I/O; no reload takes its lock.
class WouldRefuse
{
public:
    static constexpr size_t max_rows = 1000;

    void count(Refusal refusal, UnixTime now, uint64_t generation, std::string message);

    [[nodiscard]] std::vector<std::pair<Refusal, Observed>> rows() const;
    /// Counted, but not listed: the table was full.
    [[nodiscard]] uint64_t not_listed() const;

private:
    mutable std::mutex mutex_;
    std::map<Refusal, Observed> rows_;
    uint64_t not_listed_ = 0;
};

}
