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
    : client_(std::make_unique<TlsEnd>(std::move(accepted.socket), accepted.site->server.get())),
      address_(std::move(accepted.address)), site_(std::move(accepted.site)), listener_(*accepted.listener),
      plugin_(accepted.plugin), worker_(accepted.worker), tokens_(accepted.tokens), place_(std::move(accepted.place)),
      seat_(std::move(accepted.seat)), deadline_(worker_.io())
{
    set_role(client_->ssl(), listener_.role);
    SSL_set_accept_state(client_->ssl());
}

AcceptedSession::~AcceptedSession()
{
    if (watched_)
        plugin_.session_closed(token_); // from here on the module asks for it no more
    worker_.remove(token_);
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
    handshake();
}

void AcceptedSession::handshake()
{
    const auto state = client_->handshake();
    if (state == Io::wants_read || state == Io::wants_write)
        return when_ready(state, [this] { handshake(); });
    if (state != Io::done)
    {
        // A certificate that was refused is in the module's audit. Nothing said at all is a probe of the port.
        if (!client_->failure().empty() && host::SslBinding::refusal_of(client_->ssl()).empty())
            say(Level::information, std::string(listener_name(listener_.role))
                                        .append(": handshake with ")
                                        .append(address_)
                                        .append(" failed: ")
                                        .append(client_->failure()));
        return close();
    }
    peer_ = host::SslBinding::identity_of(client_->ssl());
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
