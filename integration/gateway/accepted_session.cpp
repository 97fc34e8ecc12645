#include "accepted_session.h"

#include "farewell.h"
#include "log.h"

namespace chmtls::gateway
{
namespace
{

constexpr std::chrono::milliseconds last_words{2000};

}

AcceptedSession::AcceptedSession(Accepted accepted)
    : address_(accepted.address), site_(std::move(accepted.site)), listener_(*accepted.listener), proxy_(accepted.proxy),
      plugin_(accepted.plugin), worker_(accepted.worker), tokens_(accepted.tokens), peer_address_(std::move(accepted.address)),
      place_(std::move(accepted.place)), seat_(std::move(accepted.seat)), deadline_(worker_.io())
{
    set_client_address({});
    if (proxy_ != nullptr && !proxy_->plain_from.empty())
    {
        client_ = std::make_unique<PlainEnd>(std::move(accepted.socket));
        return;
    }
    auto tls = std::make_unique<TlsEnd>(std::move(accepted.socket), site_->server.get());
    tls_ = tls.get();
    client_ = std::move(tls);
    set_role(tls_->ssl(), listener_.role);
    SSL_set_accept_state(tls_->ssl());
}

AcceptedSession::~AcceptedSession()
{
    if (watched_)
        plugin_.session_closed(token_); // from here on the module asks for it no more
    if (hop_token_ != 0)
        plugin_.session_closed(hop_token_);
    worker_.remove(token_);
    worker_.remove(hop_token_);
}

void AcceptedSession::start()
{
    token_ = worker_.add(shared_from_this());
    deadline_.expires_after(site_->settings.timeouts.login);
    deadline_.async_wait(
        [self = shared_from_this(), this](const ErrorCode & error)
        {
            if (!error && !over_)
                close();
        });
    if (proxy_ != nullptr && proxy_->hands_on == HandsOn::proxy_protocol)
        return read_proxy_header();
    secure();
}

void AcceptedSession::secure()
{
    if (tls_ != nullptr)
        return handshake();
    begin();
}

void AcceptedSession::handshake()
{
    const auto state = tls_->handshake();
    if (state == Io::wants_read || state == Io::wants_write)
        return when_ready(state, [this] { handshake(); });
    if (state != Io::done)
    {
        // A certificate that was refused is in the module's audit. Nothing said at all is a probe of the port.
        if (!tls_->is_silent() && host::SslBinding::refusal_of(tls_->ssl()).empty())
            say_of_strangers(
                Level::information, std::string(listener_name(listener_.role))
                                        .append(": handshake with ")
                                        .append(address_)
                                        .append(" failed: ")
                                        .append(tls_->failure().empty() ? "it hung up" : tls_->failure()));
        return close();
    }
    peer_ = host::SslBinding::identity_of(tls_->ssl());
    refusal_ = host::SslBinding::refusal_of(tls_->ssl());
    tls_ = nullptr;
    begin();
}

void AcceptedSession::begin()
{
    begun_ = true;
    if (!refusal_.empty() && (listener_.role != Role::native || proxy_ != nullptr))
        return close();
    if (proxy_ == nullptr)
        return serve();
    hop_ = std::move(peer_);
    peer_.reset();
    if (!knows_proxy())
        return close();
    if (handed_on_.empty())
        return serve();
    if (const auto why = take_handed_on({std::move(handed_on_)}); !why.empty())
    {
        say(Level::warning, "the certificate of " + address_ + " was refused: " + why);
        return close();
    }
    serve();
}

chmtls::Outcome AcceptedSession::watch(uint32_t interface, const std::string & user, const std::string & rule)
{
    if (peer_ == nullptr)
        return {CHMTLS_OK, {}};
    chmtls_session session{};
    session.interface = interface;
    session.session_token = token_;
    session.user = chmtls::bytes_of(user);
    session.rule = chmtls::bytes_of(rule);
    watched_ = true; // also of a session that was refused the module is told the end
    return plugin_.session_opened(peer_->identity, session);
}

std::optional<std::string> AcceptedSession::proof_of(const std::string & user) const
{
    if (const auto * const password = site_->passwords.of(user))
        return *password;
    if (const auto & tokens = site_->settings.tokens)
        return tokens_.issue(user, Tokens::Clock::now(), tokens->lifetime);
    return std::nullopt;
}

void AcceptedSession::tell(chmtls::Activity activity) noexcept
{
    if (watched_)
        plugin_.session_busy(token_, activity);
}

void AcceptedSession::logged_in()
{
    deadline_.cancel();
    place_.logged_in();
}

void AcceptedSession::end(const std::string & reason)
{
    if (over_)
        return;
    say(Level::information, std::string(listener_name(listener_.role))
                                .append(": closed the session of ")
                                .append(address_)
                                .append(": ")
                                .append(reason));
    close();
}

void AcceptedSession::settings_changed(const Site & now)
{
    const auto * const proxy = proxy_ == nullptr ? nullptr : now.trusted_proxy(proxy_->listen);
    if (proxy_ != nullptr && (proxy == nullptr || !(*proxy == *proxy_)))
        return end("the rule for proxy " + proxy_->name + " is not the one by which it came in");
    // Over a connection without an identity there is nothing that the module could judge again.
    if (begun_ && peer_ == nullptr && now.settings.without_identity != site_->settings.without_identity)
        end("the settings have changed that let it in without a certificate");
}

void AcceptedSession::close() noexcept
{
    if (over_)
        return;
    over_ = true;
    deadline_.cancel();
    if (client_ != nullptr)
        client_->close();
    ended();
}

void AcceptedSession::say_and_close(std::string words)
{
    over_ = true;
    deadline_.cancel();
    Farewell::say(std::move(client_), std::move(words), last_words);
    ended();
}

}
