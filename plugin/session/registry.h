#pragma once

// Live sessions: judged again at each generation and when their certificate ends; what no longer passes is closed, at once or
// (mtls.sessions.on_revoked after_query) when the query that it runs has ended.

#include <functional>
#include <memory>

#include "policy/authorize.h"
#include "policy/verify.h"

namespace chmtls::session
{

struct Session
{
    uint64_t token = 0; ///< the host's
    policy::Interface interface = policy::Interface::native;
    policy::IdentityPtr identity;
    /// Granted by certificate. Empty: the session is judged by its chain only, and by `rule` where one is named (a login by
    /// certificate and password).
    std::string user;
    std::string rule;
    bool queries_judged = false; ///< the host has each of its queries judged by policy::authorize_query
    // When the registry first saw the token, by both clocks: neither can make a session younger.
    UnixTime opened_at{};
    std::chrono::steady_clock::time_point opened{};
};

enum class Activity
{
    idle,
    busy, ///< a query runs
};

/// Called on the registry's thread; must return quickly and not throw. Never after remove(token) has returned.
using CloseSession = std::function<void(const Session &, Reason, const std::string & message)>;

/// A connection of ours that is in use no longer passes: it has its time, and what pools it must not use it for anything new. As
/// CloseSession, but called again when it throws.
using ReplaceConnections = std::function<void()>;

/// A session that would be closed or not let in, on a listener that only observes. Any thread; must return quickly.
using ObserveSession = std::function<void(const Session &, Reason, const std::string & message)>;

class Registry
{
public:
    Registry(
        CloseSession close, std::function<generation::GenerationPtr()> current, Clock clock, ObserveSession observe = {},
        ReplaceConnections replace = {});
    ~Registry(); ///< stops the thread
    Registry(const Registry &) = delete;
    Registry & operator=(const Registry &) = delete;

    /// Adds or replaces (same token). Refused with a message when the current generation does not let it in.
    [[nodiscard]] Result<void> add(Session session);
    /// What it was; null: the token is not known.
    std::shared_ptr<const Session> remove(uint64_t token);

    /// Is a query running on the session? Of an unknown token nothing is noted.
    void set_activity(uint64_t token, Activity activity);

    /// A new generation is out: judge everything again, soon, on the registry's thread.
    void generation_published();

    [[nodiscard]] size_t size() const;
    [[nodiscard]] uint64_t closed() const; ///< sessions closed by us so far
    [[nodiscard]] size_t ending() const;   ///< that no longer pass, and end with their query

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
