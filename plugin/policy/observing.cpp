#include "policy/observing.h"

#include "base/utf8.h"

namespace chmtls::policy
{

namespace
{

config::Mode mode_of(const generation::Generation & generation, std::string_view listener)
{
    const config::Listener * found = generation.listener(listener);
    return found != nullptr ? found->mode : generation.settings.mode;
}

/// Without an identity: certificate logins are made on these two, and chmtls_login names no listener. Of one without TLS
/// <listeners> says nothing.
config::Mode mode_of(const Standing & standing, const Login & login)
{
    if (standing.shown != nullptr)
        return mode_of(standing.generation, standing.shown->met);
    if (login.without_tls)
        return standing.generation.settings.mode;
    return mode_of(standing.generation, login.interface == Interface::native ? "tcp_port_secure" : "https_port");
}

}

config::Mode mode_of(const generation::Generation & generation, const Circumstances & met)
{
    return met.role == PeerRole::server ? generation.settings.mode : mode_of(generation, met.listener);
}

bool lets_through(const generation::Generation & generation, const PeerQuery & query, const PeerVerdict & verdict, UnixTime now)
{
    if (verdict.accepted() || mode_of(generation, Circumstances(query)) != config::Mode::observe)
        return false;
    // Nobody is verified there, and the host knows what to do with such a connection.
    if (verdict.reason == Reason::verification_off || verdict.reason == Reason::unknown_listener)
        return false;
    if (query.chain.empty() || query.chain.size() > max_chain_length)
        return false;
    size_t left = max_chain_bytes;
    std::vector<openssl::Certificate> sent;
    for (const ByteView der : query.chain)
    {
        if (der.size() > left)
            return false;
        left -= der.size();
        auto certificate = openssl::Certificate::from_der(der);
        if (!certificate)
            return false;
        sent.push_back(std::move(*certificate));
    }
    const bool client = query.role == PeerRole::client;
    const auto & store = client ? generation.stock_client_trust : generation.stock_server_trust;
    if (store == nullptr)
        return false;
    const config::TlsSection & section = client ? generation.settings.server : generation.settings.client;
    const trust::PathVerdict path = store->verify(
        {.leaf = sent.front(),
         .intermediates = {sent.data() + 1, sent.size() - 1},
         .purpose = client ? trust::Purpose::client_auth : trust::Purpose::server_auth,
         .depth = section.verification_depth,
         .at = now});
    if (!path.accepted())
        return false;
    if (generation.floor != nullptr && !lets_through(*generation.floor, query, verdict, now))
        return false;
    return client || !section.extended_verification || trust::proves_name(path.path, std::string(query.expected_name));
}

bool goes_on_unverified(const generation::Generation & generation, const PeerQuery & query)
{
    const config::TlsSection & client = generation.settings.client;
    const bool verifies
        = client.verification_mode != config::VerificationMode::none && client.handler != config::CertificateHandler::accept;
    const bool must_prove = query.purpose == config::Purpose::keeper
                            || (query.purpose == config::Purpose::node && generation.settings.nodes.has_value());
    return query.role == PeerRole::server && !verifies && !must_prove;
}

bool lets_through(const Standing & standing, const Login & login)
{
    return mode_of(standing, login) == config::Mode::observe && !standing.generation.users->certificate_only(login.user)
           && !login.unprintable && !has_control(login.user);
}

}
