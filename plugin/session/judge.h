#pragma once

// Does a session still pass?

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "session/registry.h"

namespace chmtls::session
{

struct Judgement
{
    bool passes = false;
    Reason reason = Reason::internal;
    std::string message;    ///< why not
    UnixTime valid_until{}; ///< when it must be judged again
    /// It passes although it would be closed, or not let in, for the `reason`: its listener only observes, and the stock server
    /// ends no session. It stays until the next generation.
    bool observed = false;
};

/// One round over the sessions by one generation at one moment; sessions that showed the same chain in the same
/// circumstances (listener, or purpose and name of a connection of ours) share its verdict. Not thread-safe.
class Judge
{
public:
    Judge(const generation::Generation & generation, UnixTime now) : generation_(generation), now_(now) {}

    [[nodiscard]] Judgement operator()(const Session & session);

private:
    /// With the fingerprints of the chain as sent.
    using Shown = std::pair<policy::Circumstances, std::vector<Digest32>>;

    Judgement judge(const Session & session);
    const policy::PeerVerdict & verdict_of(const policy::Identity & identity);

    const generation::Generation & generation_;
    UnixTime now_;
    std::map<Shown, policy::PeerVerdict> verdicts_;
};

/// A single session. What this generation has judged already is judged by the clock and the rules only.
[[nodiscard]] Judgement judge_one(const generation::Generation & generation, const Session & session, UnixTime now);

}
