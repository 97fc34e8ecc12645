#include "session/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/observing.h"

namespace chmtls::session
{

namespace
{

Judgement no(Reason reason, std::string message)
{
    return {false, reason, std::move(message), {}, false};
}

Judgement unless_observed(Judgement judgement, const generation::Generation & generation, const Session & session)
{
    if (judgement.passes || policy::mode_of(generation, session.identity->met) != config::Mode::observe)
        return judgement;
    judgement.passes = judgement.observed = true;
    judgement.valid_until = UnixTime::max();
    return judgement;
}

std::chrono::seconds age_of(const Session & session, UnixTime now)
{
    const auto lived = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - session.opened);
    return std::max({now - session.opened_at, lived, std::chrono::seconds(0)});
}

policy::LoginDecision login_of(const policy::Standing & standing, const Session & session)
{
    if (session.user.empty())
        return policy::stands_by_rule(standing, session.rule);
    policy::Login login;
    login.interface = session.interface;
    login.user = session.user;
    login.user_named = true;
    login.certificate_asked = session.interface == policy::Interface::http;
    login.queries_judged = session.queries_judged;
    return policy::authorize(standing, login);
}

Judgement judge_login(
    const generation::Generation & generation, const Session & session, const policy::IdentityPtr & identity, UnixTime now)
{
    if (session.user.empty() && session.rule.empty())
        return {true, Reason::valid, {}, identity->valid_until, false};
    const policy::LoginDecision decision = login_of(policy::standing_of(generation, identity, now), session);
    if (decision.outcome != policy::Outcome::granted || (!session.user.empty() && decision.user != session.user))
        return no(
            decision.reason, session.user.empty()
                                 ? fmt::format("rule '{}' no longer lets it in: {}", printable(session.rule), decision.message)
                                 : fmt::format("user '{}' is no longer granted: {}", printable(session.user), decision.message));

    Judgement judgement{true, Reason::valid, {}, identity->valid_until, false};
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
    for (const openssl::Certificate & certificate : identity.sent)
        fingerprints.push_back(certificate.facts().fingerprint_sha256);
    Shown key{identity.met, std::move(fingerprints)};
    const auto known = verdicts_.find(key);
    if (known != verdicts_.end())
        return known->second;
    return verdicts_.emplace(std::move(key), policy::verify_again(generation_, identity, now_)).first->second;
}

Judgement Judge::operator()(const Session & session)
{
    return unless_observed(judge(session), generation_, session);
}

Judgement Judge::judge(const Session & session)
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
        return unless_observed(judge_login(generation, session, session.identity, now), generation, session);
    return Judge(generation, now)(session);
}

}
