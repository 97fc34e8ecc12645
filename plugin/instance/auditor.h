#pragma once

// Who tells of decisions: a line of the host's log for each and, where <mtls><audit> names a file, a record of the audit trail.

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "config/settings.h"
#include "instance/host.h"
#include "observe/refusals.h"
#include "observe/trail.h"
#include "policy/authorize.h"
#include "policy/on_behalf.h"
#include "policy/verify.h"
#include "session/registry.h"

namespace chmtls::instance
{

/// "native", "http"
[[nodiscard]] std::string_view name(policy::Interface interface);

struct TrailStatus
{
    config::AuditTrail settings; ///< an empty file: there is none
    observe::TrailHead head;
    uint64_t lost = 0;   ///< records that could not be written
    std::string trouble; ///< why the last one could not; empty: it was written
};

/// Thread-safe. Equal refusals share a line and a record (observe/refusals.h).
class Auditor
{
public:
    explicit Auditor(const Host & host);

    /// The generation in force. A file that cannot be opened is said in the log, and tried again with each record.
    void use(const config::AuditTrail & settings);

    /// `unverified`: refused, and the connection goes on without an identity all the same, as the configuration has it.
    void peer(
        const policy::PeerVerdict & verdict, bool unverified, const policy::PeerQuery & query, uint64_t generation,
        std::string_view remote_address);
    void login(
        const policy::LoginDecision & decision, const policy::IdentityPtr & identity, const policy::Login & login,
        std::string_view remote_address);
    void query(
        const policy::LoginDecision & decision, const policy::IdentityPtr & identity, const policy::Query & query,
        std::string_view remote_address);

    void session_opened(const session::Session & session);
    void session_refused(const session::Session & session, const Error & error);
    void session_observed(const session::Session & session, Reason reason, const std::string & message);
    void session_closed(const session::Session & session, Reason reason, const std::string & message);
    void session_ended(const session::Session & session);

    /// What stands in the way of letting anybody in: by <on_failure> `refuse`, records that cannot be written.
    [[nodiscard]] std::optional<std::string> shut() const;

    [[nodiscard]] TrailStatus status() const;

private:
    void write(uint32_t level, const observe::AuditLine & line);
    void record(const observe::AuditLine & line);
    void open();
    void failed(const Error & error);

    const Host & host_;
    std::atomic<bool> records_{false}; ///< there is a trail: what no log line tells of has to be put together
    mutable std::mutex mutex_;         ///< of what follows
    config::AuditTrail settings_;
    std::unique_ptr<observe::Trail> trail_;
    std::chrono::steady_clock::time_point tried_at_{};
    std::chrono::steady_clock::time_point told_at_{};
    uint64_t lost_ = 0;
    std::string trouble_;
    observe::RefusalLog refusals_; ///< last: its thread writes here
};

}
