#include "session/judge.h"

#include <fmt/format.h>

namespace chmtls::session
{

namespace
{

Judgement no(Reason reason, std::string message)
{
    return {false, reason, std::move(message), {}};
}

Judgement judge_login(
    const generation::Generation & generation, const Session & session, const policy::IdentityPtr & identity, UnixTime now)
{
    if (session.user.empty())
        return {true, Reason::valid, {}, identity->valid_until};
    policy::Login login;
    login.interface = session.interface;
    login.user = session.user;
    login.user_named = true;
    login.certificate_asked = session.interface == policy::Interface::http;
    const policy::LoginDecision decision = policy::authorize(generation, identity, login, now);
    if (decision.outcome != policy::Outcome::granted || decision.user != session.user)
        return no(decision.reason, fmt::format("user '{}' is no longer granted: {}", printable(session.user), decision.message));
    return {true, Reason::valid, {}, identity->valid_until};
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
