#include "policy/observing.h"

#include "base/utf8.h"

namespace chmtls::policy
{

namespace
{

/// Certificate logins are made on these; chmtls_login names no listener. Empty: one without TLS, of which <listeners> says
/// nothing.
std::string_view listener_of(const IdentityPtr & identity, const Login & login)
{
    if (identity != nullptr)
        return identity->listener;
    if (login.without_tls)
        return {};
    return login.interface == Interface::native ? "tcp_port_secure" : "https_port";
}

}

config::Mode mode_of(const generation::Generation & generation, std::string_view listener)
{
    const config::Listener * found = listener.empty() ? nullptr : generation.listener(listener);
    return found != nullptr ? found->mode : generation.settings.mode;
}

bool lets_through(const generation::Generation & generation, const PeerQuery & query, const PeerVerdict & verdict, UnixTime now)
{
    if (verdict.accepted() || mode_of(generation, query.listener) != config::Mode::observe)
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
    return client || !section.extended_verification || trust::proves_name(sent.front(), std::string(query.expected_name));
}

bool lets_through(const generation::Generation & generation, const IdentityPtr & identity, const Login & login)
{
    return mode_of(generation, listener_of(identity, login)) == config::Mode::observe
           && !generation.users->certificate_only(login.user) && !login.unprintable && !has_control(login.user);
}

}
