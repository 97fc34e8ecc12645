#include "instance/auditor.h"

#include <new>

#include <fmt/format.h>

namespace chmtls::instance
{

std::string_view name(policy::Interface interface)
{
    return interface == policy::Interface::http ? "http" : "native";
}

namespace
{

using SteadyClock = std::chrono::steady_clock;

/// So much of what a peer chooses at will tells its refusals apart.
constexpr size_t told_apart_by = 256;
constexpr std::chrono::seconds try_again{1};
constexpr std::chrono::seconds tell_again{60};

/// Empty: nothing special.
std::string_view word(config::Purpose purpose)
{
    switch (purpose)
    {
    case config::Purpose::general:
        return {};
    case config::Purpose::node:
        return "node";
    case config::Purpose::keeper:
        break;
    }
    return "keeper";
}

/// SHA-256 as bytes; for comparing only.
std::string fingerprint_of(ByteView der)
{
    const auto digest = Digester().add(der).finish();
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

/// Who it is, so that the certificate can be found again.
void add_identity(observe::AuditLine & line, const policy::Identity & identity)
{
    const auto & facts = identity.leaf.facts();
    line.add("identity", identity.describe())
        .add("serial", facts.serial_hex)
        .add("sha256", to_hex(facts.fingerprint_sha256))
        .add("issuer", facts.issuer);
    if (identity.spiffe_id)
        line.add("spiffe_id", *identity.spiffe_id);
}

observe::AuditLine session_line(std::string_view decision, const session::Session & session)
{
    observe::AuditLine line("session");
    line.add("decision", decision)
        .add("interface", name(session.interface))
        .add("session", session.token)
        .add("user", session.user)
        .add("rule", session.rule);
    if (session.identity != nullptr)
    {
        line.add("listener", session.identity->met.listener);
        add_identity(line, *session.identity);
    }
    return line;
}

}

Auditor::Auditor(const Host & host)
    : host_(host), refusals_([this](const observe::AuditLine & line) { write(CHMTLS_LOG_WARNING, line); })
{
}

void Auditor::use(const config::AuditTrail & settings)
{
    const std::scoped_lock lock(mutex_);
    const bool other_file = settings.file != settings_.file;
    settings_ = settings;
    records_ = !settings_.file.empty();
    if (!other_file)
        return;
    trail_.reset();
    trouble_.clear();
    told_at_ = {};
    if (!settings_.file.empty())
        open();
}

void Auditor::open()
{
    tried_at_ = SteadyClock::now();
    auto opened = observe::Trail::open(settings_.file);
    if (!opened)
        return failed(opened.error());
    trail_ = std::move(*opened);
    trouble_.clear();
}

void Auditor::failed(const Error & error)
{
    trouble_ = error.describe();
    const auto now = SteadyClock::now();
    if (told_at_ != SteadyClock::time_point{} && now - told_at_ < tell_again)
        return;
    told_at_ = now;
    host_.log(
        CHMTLS_LOG_WARNING,
        fmt::format(
            "{}{}", trouble_,
            settings_.refuses_without ? "; nobody is let in by certificate until it can be (mtls.audit.on_failure is `refuse`)"
                                      : ""));
}

void Auditor::write(uint32_t level, const observe::AuditLine & line)
{
    host_.log(level, line.str());
    record(line);
}

void Auditor::record(const observe::AuditLine & line)
{
    const std::scoped_lock lock(mutex_);
    if (settings_.file.empty())
        return;
    if (trail_ == nullptr && SteadyClock::now() - tried_at_ >= try_again)
        open();
    if (trail_ == nullptr)
    {
        ++lost_;
        return;
    }
    if (auto appended = trail_->append(line.members(), std::chrono::system_clock::now()); !appended)
    {
        ++lost_;
        return failed(appended.error());
    }
    trouble_.clear();
}

std::optional<std::string> Auditor::shut() const
{
    const std::scoped_lock lock(mutex_);
    if (!settings_.refuses_without || trouble_.empty())
        return std::nullopt;
    return fmt::format("the audit trail cannot be written, and mtls.audit.on_failure is `refuse`: {}", trouble_);
}

TrailStatus Auditor::status() const
{
    const std::scoped_lock lock(mutex_);
    return {settings_, trail_ == nullptr ? observe::TrailHead{} : trail_->head(), lost_, trouble_};
}

void Auditor::peer(
    const policy::PeerVerdict & verdict, bool unverified, const policy::PeerQuery & query, uint64_t generation,
    std::string_view remote_address)
{
    observe::AuditLine line("peer");
    line.add(
            "decision", verdict.accepted()    ? "accepted"
                        : verdict.let_through ? "observed"
                        : unverified          ? "unverified"
                                              : "refused")
        .add("role", query.role == policy::PeerRole::client ? "client" : "server")
        .add("listener", query.listener)
        .add("remote", remote_address)
        .add("purpose", word(query.purpose))
        .add("expected_name", query.expected_name)
        .add("generation", generation)
        .add(verdict.reason);
    if (verdict.identity != nullptr)
        add_identity(line, *verdict.identity);
    else if (!query.chain.empty())
        line.add("claims", policy::describe_leaf(query.chain.front()));
    line.add("message", verdict.message);
    if (verdict.accepted())
        return write(CHMTLS_LOG_DEBUG, line);
    refusals_.note(
        {.event = "peer",
         .address = observe::address_without_port(remote_address),
         .certificate = query.chain.empty() ? std::string() : fingerprint_of(query.chain.front()),
         .reason = std::string(code(verdict.reason)),
         .where = std::string(query.role == policy::PeerRole::server ? query.expected_name : query.listener)},
        std::move(line));
}

void Auditor::login(
    const policy::LoginDecision & decision, const policy::IdentityPtr & identity, const policy::Login & login,
    std::string_view remote_address)
{
    const bool granted = decision.outcome == policy::Outcome::granted;
    const bool declined = decision.outcome == policy::Outcome::declined && !decision.let_through;
    if (declined && !records_)
        return; // the server's own login says what became of it
    observe::AuditLine line("login");
    line.add(
            "decision", granted                ? "granted"
                        : declined             ? "declined"
                        : decision.let_through ? "observed"
                                               : "refused")
        .add("interface", name(login.interface))
        .add("asked", login.user_named ? login.user : std::string_view{})
        .add("user", decision.user)
        .add("rule", decision.rule)
        .add("remote", remote_address)
        .add(decision.reason);
    if (identity != nullptr)
    {
        line.add("listener", identity->met.listener);
        add_identity(line, *identity);
    }
    line.add("message", decision.message);
    if (granted)
        return write(CHMTLS_LOG_INFORMATION, line);
    if (declined)
        return record(line);
    refusals_.note(
        {.event = "login",
         .address = observe::address_without_port(remote_address),
         .certificate
         = identity == nullptr || identity->sent.empty() ? std::string() : fingerprint_of(identity->sent.front().der()),
         .reason = std::string(code(decision.reason)),
         .where = fmt::format("{} {}", name(login.interface), login.user.substr(0, told_apart_by))},
        std::move(line));
}

void Auditor::query(
    const policy::LoginDecision & decision, const policy::IdentityPtr & identity, const policy::Query & query,
    std::string_view remote_address)
{
    const bool granted = decision.outcome == policy::Outcome::granted;
    observe::AuditLine line("query");
    line.add("decision", granted ? (decision.rule.empty() ? "disregarded" : "granted") : "refused")
        .add("session_user", query.session_user)
        .add("initial_user", query.initial_user)
        .add("initial_address", query.initial_address)
        .add("user", decision.user)
        .add("rule", decision.rule)
        .add("remote", remote_address)
        .add(decision.reason);
    if (identity != nullptr)
    {
        line.add("listener", identity->met.listener);
        add_identity(line, *identity);
    }
    line.add("message", decision.message);
    write(granted ? CHMTLS_LOG_INFORMATION : CHMTLS_LOG_WARNING, line);
}

void Auditor::session_opened(const session::Session & session)
{
    if (records_)
        record(session_line("opened", session));
}

void Auditor::session_refused(const session::Session & session, const Error & error)
{
    auto line = session_line("refused", session);
    write(CHMTLS_LOG_WARNING, line.add("reason", error.code).add("message", error.reason));
}

void Auditor::session_observed(const session::Session & session, Reason reason, const std::string & message)
{
    auto line = session_line("observed", session);
    write(CHMTLS_LOG_WARNING, line.add(reason).add("message", message));
}

void Auditor::session_closed(const session::Session & session, Reason reason, const std::string & message)
{
    try
    {
        auto line = session_line("closed", session);
        write(CHMTLS_LOG_WARNING, line.add(reason).add("message", message));
    }
    catch (const std::bad_alloc &) // closed it is all the same
    {
    }
}

void Auditor::session_ended(const session::Session & session)
{
    if (!records_)
        return;
    auto line = session_line("ended", session);
    const auto lasted = SteadyClock::now() - session.opened;
    record(line.add("lasted_ms", static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count())));
}

}
