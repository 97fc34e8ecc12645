#include "instance/instance.h"

#include <algorithm>
#include <new>

#include <fmt/format.h>

#include "config/host_name.h"
#include "dns/cares_resolver.h"
#include "instance/dns_status.h"
#include "instance/status.h"
#include "observe/audit.h"
#include "policy/observing.h"

namespace chmtls::instance
{

namespace
{

uint32_t level_of(LogLevel level)
{
    switch (level)
    {
    case LogLevel::error:
        return CHMTLS_LOG_ERROR;
    case LogLevel::warning:
        return CHMTLS_LOG_WARNING;
    case LogLevel::information:
        return CHMTLS_LOG_INFORMATION;
    case LogLevel::debug:
        break;
    }
    return CHMTLS_LOG_DEBUG;
}

/// Of every key and chain that the generation may present.
std::set<uint64_t> credential_ids(const generation::Generation & generation)
{
    std::set<uint64_t> ids;
    for (const auto & set : generation.credentials.values)
    {
        if (set == nullptr)
            continue;
        for (const auto & credential : set->all())
            ids.insert(credential->id);
    }
    return ids;
}

/// A certificate lets this user in: alone, or with a password that the server's own login still judges.
bool is_by_certificate(const policy::LoginDecision & decision)
{
    return decision.outcome == policy::Outcome::granted
           || (decision.outcome == policy::Outcome::declined && !decision.rule.empty());
}

}

Instance::Instance(const chmtls_host & host)
    : host_(host), auditor_(host_), dns_(dns_events(), dns::make_cares_resolver()),
      admin_(admin_requests(), [this](LogLevel level, const std::string & line) { host_.log(level_of(level), line); }),
      manager_(events(), system_time)
{
    sessions_ = std::make_unique<session::Registry>(
        [this](const session::Session & session, Reason reason, const std::string & message) { close(session, reason, message); },
        [this] { return manager_.current(); }, system_time,
        [this](const session::Session & session, Reason reason, const std::string & message)
        { observed(session, reason, message); },
        [this] { dns_.replace_connections(); });
}

Instance::~Instance()
{
    admin_.stop();
    // The manager's thread may be about to tell the sessions of a new generation, and theirs asks the manager for it: the
    // sessions go first, but not under the mutex, because their destructor waits for their thread.
    std::unique_ptr<session::Registry> ending;
    {
        const std::scoped_lock lock(sessions_mutex_);
        ending = std::move(sessions_);
    }
}

generation::Events Instance::events()
{
    return {
        .log = [this](LogLevel level, const std::string & message) { host_.log(level_of(level), message); },
        .published = [this](const generation::GenerationPtr & generation) { published(*generation); },
        .configuration_changed = [this] { host_.configuration_changed(); },
    };
}

bool Instance::names_host(std::string_view host) const
{
    const auto in_force = current();
    const auto & hosts = in_force->settings.dns.hosts;
    return std::binary_search(hosts.begin(), hosts.end(), config::normal_host(host));
}

void Instance::published(const generation::Generation & generation)
{
    // First what ends sessions, and without memory only that.
    {
        const std::scoped_lock lock(sessions_mutex_);
        if (sessions_ != nullptr)
            sessions_->generation_published();
    }
    auditor_.use(generation.settings.audit);
    dns_.configure(generation.settings.dns);
    admin_.listen_at(generation.settings.admin_socket);
    auto ids = credential_ids(generation);
    const std::scoped_lock lock(sessions_mutex_);
    if (!credential_ids_.empty() && ids != credential_ids_)
        dns_.credentials_changed();
    credential_ids_ = std::move(ids);
}

dns::Events Instance::dns_events()
{
    return {
        .flush =
            [this](const dns::Flush & flush)
        {
            if (!host_.flush_dns(flush.host))
                host_.log(CHMTLS_LOG_WARNING, "the host cannot flush addresses: the ones it remembers may be wrong");
        },
        .log = [this](LogLevel level, const std::string & line) { host_.log(level_of(level), line); },
    };
}

admin::Requests Instance::admin_requests()
{
    admin::Requests requests;
    requests.add("status", [this](const admin::Arguments &) -> Result<std::string> { return status(); });
    requests.add(
        "dns status", [this](const admin::Arguments &) -> Result<std::string> { return dns_status_json(dns_.status()); });
    requests.add(
        "dns flush",
        [this](const admin::Arguments & arguments) -> Result<std::string>
        {
            const auto given = arguments.find("host");
            const std::string_view host = given == arguments.end() ? std::string_view{} : std::string_view(given->second);
            const bool named = host.empty() || dns_.names(host);
            return fmt::format("{{\"done_in_ms\":{},\"named\":{}}}", dns_.flush(host).count(), named);
        });
    return requests;
}

Instance::Judgement Instance::verify_peer(const policy::PeerQuery & query, std::string_view remote_address)
{
    const auto generation = current();
    const auto now = system_time();
    Judgement judgement{verifier_.verify(generation, query, now), generation->number, false};
    counters_.count_handshake(judgement.verdict.reason);
    if (judgement.verdict.let_through)
        would_refuse_.count(
            {observe::Stage::peer,
             policy::Circumstances(query).place(),
             policy::describe_leaf(query.chain.front()),
             {},
             judgement.verdict.reason},
            now, generation->number, judgement.verdict.message);
    judgement.unverified = !judgement.verdict.accepted() && policy::goes_on_unverified(*generation, query);
    auditor_.peer(judgement.verdict, judgement.unverified, query, judgement.generation, remote_address);
    return judgement;
}

policy::LoginDecision
Instance::authorize(const policy::IdentityPtr & identity, policy::Login login, std::string_view remote_address)
{
    const auto generation = current();
    const auto now = system_time();
    login.queries_judged = host_.judges_queries();
    auto decision = policy::authorize(verifier_.standing_of(*generation, identity, now), login);
    if (decision.let_through)
    {
        would_refuse_.count(
            {observe::Stage::login, identity == nullptr ? std::string(name(login.interface)) : identity->met.place(),
             identity == nullptr ? "no certificate" : identity->describe(), std::string(login.user), decision.reason},
            now, generation->number, decision.message);
        counters_.count_login(decision.reason);
        auditor_.login(decision, identity, login, remote_address);
        return decision;
    }
    // Each request of a kept HTTPS connection is a login; what is granted as before is no news.
    if (decision.outcome != policy::Outcome::granted || !login.again)
        auditor_.login(decision, identity, login, remote_address);
    if (auto shut = is_by_certificate(decision) ? auditor_.shut() : std::nullopt)
    {
        decision = {policy::Outcome::refused, Reason::resource, {}, {}, std::move(*shut), false, {}};
        auditor_.login(decision, identity, login, remote_address);
    }
    if (decision.outcome != policy::Outcome::declined)
        counters_.count_login(decision.reason);
    return decision;
}

policy::LoginDecision
Instance::authorize_query(const policy::IdentityPtr & identity, const policy::Query & query, std::string_view remote_address)
{
    const auto generation = current();
    const auto now = system_time();
    auto decision = policy::authorize_query(verifier_.standing_of(*generation, identity, now), query);
    if (decision.outcome == policy::Outcome::declined)
        return decision;
    // Of what is a session's own, its login tells; of a node's work, this does.
    const bool granted = decision.outcome == policy::Outcome::granted;
    const bool own = granted && decision.rule.empty() && (query.initial_user.empty() || query.initial_user == decision.user);
    if (!own && !(granted && query.again))
        auditor_.query(decision, identity, query, remote_address);
    return decision;
}

Result<void> Instance::session_opened(session::Session session)
{
    session.queries_judged = host_.judges_queries();
    const auto asked = session; // cheap: the identity is shared
    auto added = sessions_->add(std::move(session));
    if (added)
        auditor_.session_opened(asked);
    else
        auditor_.session_refused(asked, added.error());
    return added;
}

void Instance::session_closed(uint64_t token)
{
    if (const auto ended = sessions_->remove(token))
        auditor_.session_ended(*ended);
}

std::string Instance::status() const
{
    return status_json(take_snapshot(
        {.generation = *current(),
         .reload = manager_.state(),
         .counters = counters_,
         .sessions = {sessions_->size(), sessions_->closed(), sessions_->ending()},
         .would_refuse = would_refuse_,
         .dns = dns_.status(),
         .audit = auditor_.status(),
         .now = system_time()}));
}

void Instance::observed(const session::Session & session, Reason reason, const std::string & message)
{
    const auto & identity = *session.identity;
    would_refuse_.count(
        {observe::Stage::session, identity.met.place(), identity.describe(), session.user, reason}, system_time(),
        current()->number, message);
    auditor_.session_observed(session, reason, message);
}

void Instance::close(const session::Session & session, Reason reason, const std::string & message)
{
    auditor_.session_closed(session, reason, message);
    if (!host_.close_session(session.token, message))
        host_.log(CHMTLS_LOG_WARNING, "the host cannot close sessions: the one above goes on until it ends by itself");
}

}
