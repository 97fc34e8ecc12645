#include "session/judge.h"

#include <algorithm>

#include <fmt/format.h>

namespace chmtls::session
{

namespace
{

Judgement no(Reason reason, std::string message)
{
    return {false, reason, std::move(message), {}};
}

std::chrono::seconds age_of(const Session & session, UnixTime now)
{
    const auto lived = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - session.opened);
    return std::max({now - session.opened_at, lived, std::chrono::seconds(0)});
}

policy::LoginDecision
login_of(const generation::Generation & generation, const Session & session, const policy::IdentityPtr & identity, UnixTime now)
{
    if (session.user.empty())
        return policy::stands_by_rule(generation, identity, session.rule, now);
    policy::Login login;
    login.interface = session.interface;
    login.user = session.user;
    login.user_named = true;
    login.certificate_asked = session.interface == policy::Interface::http;
    login.queries_judged = session.queries_judged;
    return policy::authorize(generation, identity, login, now);
}

Judgement judge_login(
    const generation::Generation & generation, const Session & session, const policy::IdentityPtr & identity, UnixTime now)
{
    if (session.user.empty() && session.rule.empty())
        return {true, Reason::valid, {}, identity->valid_until};
    const policy::LoginDecision decision = login_of(generation, session, identity, now);
    if (decision.outcome != policy::Outcome::granted || (!session.user.empty() && decision.user != session.user))
        return no(
            decision.reason, session.user.empty()
                                 ? fmt::format("rule '{}' no longer lets it in: {}", printable(session.rule), decision.message)
                                 : fmt::format("user '{}' is no longer granted: {}", printable(session.user), decision.message));

    Judgement judgement{true, Reason::valid, {}, identity->valid_until};
    const mapping::RuleTerms & terms = decision.terms;
    if (terms.valid_until)
        judgement.valid_until = std::min(judgement.valid_until, *terms.valid_until);
    if (!terms.max_session)
        return judgement;
    const std::chrono::seconds age = age_of(session, now);
    if (age >= *terms.max_session)
        return no(
            Reason::session_time, fmt::format(
                                      "the session has lasted {} s, as long as rule '{}' allows", terms.max_session->count(),
                                      printable(decision.rule)));
    judgement.valid_until = std::min(judgement.valid_until, now + (*terms.max_session - age));
    return judgement;
}

}

const policy::PeerVerdict & Judge::verdict_of(const policy::Identity & identity)
{
    std::vector<Digest32> fingerprints;
    std::vector<ByteView> chain;
    for (const openssl::Certificate & certificate : identity.sent)
    {
        fingerprints.push_back(certificate.facts().fingerprint_sha256);
        chain.push_back(certificate.der());
    }
    Shown key{identity.listener, identity.purpose, identity.expected_name, std::move(fingerprints)};
    const auto known = verdicts_.find(key);
    if (known != verdicts_.end())
        return known->second;
    const policy::PeerQuery query{
        .role = identity.listener.empty() ? policy::PeerRole::server : policy::PeerRole::client,
        .listener = identity.listener,
        .chain = chain,
        .expected_name = identity.expected_name,
        .purpose = identity.purpose};
    return verdicts_.emplace(std::move(key), policy::verify_peer(generation_, query, now_)).first->second;
}

Judgement Judge::operator()(const Session & session)
{
    const policy::PeerVerdict & verdict = verdict_of(*session.identity);
    if (!verdict.accepted())
        return no(verdict.reason, fmt::format("the certificate is no longer accepted: {}", verdict.message));
    if (!verdict.identity || now_ >= verdict.valid_until)
        return no(Reason::expired, fmt::format("the certificate ended at {}", format_rfc3339(verdict.valid_until)));
    return judge_login(generation_, session, verdict.identity, now_);
}

Judgement judge_one(const generation::Generation & generation, const Session & session, UnixTime now)
{
    const policy::Identity & identity = *session.identity;
    if (identity.generation == generation.number && now < identity.valid_until)
        return judge_login(generation, session, session.identity, now);
    return Judge(generation, now)(session);
}

}
