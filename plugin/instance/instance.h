#pragma once

// What a chmtls_plugin handle stands for: one configured instance, everything that it owns, and how its parts are wired.

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "admin/server.h"
#include "dns/service.h"
#include "instance/auditor.h"
#include "instance/host.h"
#include "observe/counters.h"
#include "observe/would_refuse.h"
#include "policy/authorize.h"
#include "policy/on_behalf.h"
#include "policy/verify.h"
#include "reload/manager.h"
#include "session/registry.h"

namespace chmtls::instance
{

/// Any thread, but for the destructor: that one runs once, when nobody else uses the instance, and returns when no thread of it
/// is left and no callback will come.
class Instance
{
public:
    explicit Instance(const chmtls_host & host);
    ~Instance();
    Instance(const Instance &) = delete;
    Instance & operator=(const Instance &) = delete;

    [[nodiscard]] Checked<uint64_t> configure(generation::Input input) { return manager_.configure(std::move(input)); }
    [[nodiscard]] generation::GenerationPtr current() const { return manager_.current(); }
    [[nodiscard]] std::shared_ptr<const credentials::Credential> credential(uint64_t id) const { return manager_.credential(id); }

    struct Judgement
    {
        policy::PeerVerdict verdict;
        uint64_t generation = 0;
        bool unverified = false; ///< a server that was refused, and openSSL.client lets the host go on with it
    };
    [[nodiscard]] Judgement verify_peer(const policy::PeerQuery & query, std::string_view remote_address);

    [[nodiscard]] policy::LoginDecision
    authorize(const policy::IdentityPtr & identity, policy::Login login, std::string_view remote_address);

    [[nodiscard]] policy::LoginDecision
    authorize_query(const policy::IdentityPtr & identity, const policy::Query & query, std::string_view remote_address);

    [[nodiscard]] Result<void> session_opened(session::Session session);
    void session_closed(uint64_t token);

    void session_activity(uint64_t token, session::Activity activity) { sessions_->set_activity(token, activity); }

    /// Does the configuration in force name it.
    [[nodiscard]] bool names_host(std::string_view host) const;
    void report_connect(std::string_view host, dns::Connect end) { dns_.report_connect(host, end); }

    /// JSON for operators; no secret in it.
    [[nodiscard]] std::string status() const;

private:
    void close(const session::Session & session, Reason reason, const std::string & message);
    void observed(const session::Session & session, Reason reason, const std::string & message);
    generation::Events events();
    dns::Events dns_events();
    admin::Requests admin_requests();
    void published(const generation::Generation & generation);

    const Host host_;
    Auditor auditor_;
    observe::Counters counters_;
    observe::WouldRefuse would_refuse_;
    policy::Verifier verifier_;
    dns::Service dns_;
    admin::Server admin_; ///< its handlers ask everything here: stopped first
    // Each of the two calls the other from its own thread. The destructor ends the sessions, then the manager, and only then may
    // the mutex go.
    std::mutex sessions_mutex_; ///< between the manager's thread and the destructor
    std::unique_ptr<session::Registry> sessions_;
    std::set<uint64_t> credential_ids_; ///< of the last generation; under sessions_mutex_
    generation::Manager manager_;
};

}
