#include "egress_session.h"

#include <algorithm>

#include "log.h"

namespace chmtls::gateway
{
namespace
{

bool is_same_host(std::string_view written, std::string_view host)
{
    const auto without_dot = [](std::string_view name)
    {
        return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    };
    const auto lower = [](char c)
    {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    written = without_dot(written);
    host = without_dot(host);
    return std::equal(
        written.begin(), written.end(), host.begin(), host.end(), [&](char a, char b) { return lower(a) == lower(b); });
}

}

EgressSession::EgressSession(Accepted accepted)
    : near_(std::make_unique<PlainEnd>(std::move(accepted.socket))), address_(std::move(accepted.address)),
      site_(std::move(accepted.site)), egress_(*accepted.egress), plugin_(accepted.plugin), worker_(accepted.worker),
      place_(std::move(accepted.place)), seat_(std::move(accepted.seat)), deadline_(worker_.io())
{
}

EgressSession::~EgressSession()
{
    if (watched_)
        plugin_.session_closed(token_);
    worker_.remove(token_);
}

void EgressSession::start()
{
    token_ = worker_.add(shared_from_this());
    connector_ = std::make_shared<Connector>(worker_.io(), std::vector{egress_.to}, site_->settings.timeouts.connect);
    connector_->start(
        [self = shared_from_this(), this](tcp::socket socket, const std::string & fault)
        {
            connector_.reset();
            if (fault.empty())
                return connected(std::move(socket));
            plugin_.report_connect(egress_.to.host, chmtls::ConnectEnd::failed);
            fail(fault);
        });
}

void EgressSession::connected(tcp::socket socket)
{
    plugin_.report_connect(egress_.to.host, chmtls::ConnectEnd::succeeded);
    ErrorCode ignored;
    far_address_ = socket.remote_endpoint(ignored).address();
    far_ = std::make_unique<TlsEnd>(std::move(socket), site_->client.get());
    SSL_set_connect_state(far_->ssl());
    host::SslBinding::set_purpose(far_->ssl(), egress_.purpose);
    host::SslBinding::expect_name(far_->ssl(), egress_.to.host);
    deadline_.expires_after(site_->settings.timeouts.login);
    deadline_.async_wait(
        [self = shared_from_this(), this](const ErrorCode & error)
        {
            if (!error && !over_)
                fail("the handshake took too long (timeouts.login)");
        });
    handshake();
}

void EgressSession::handshake()
{
    const auto state = far_->handshake();
    if (state == Io::wants_read || state == Io::wants_write)
    {
        far_->socket().async_wait(
            state == Io::wants_write ? tcp::socket::wait_write : tcp::socket::wait_read,
            [self = shared_from_this(), this](const ErrorCode & error)
            {
                if (!error && !over_)
                    handshake();
            });
        return;
    }
    if (state == Io::done)
        return pass();
    const auto refusal = host::SslBinding::refusal_of(far_->ssl());
    fail(refusal.empty() ? "the handshake failed: " + (far_->failure().empty() ? "it hung up" : far_->failure()) : refusal);
}

void EgressSession::pass()
{
    const auto peer = host::SslBinding::identity_of(far_->ssl());
    if (peer == nullptr)
        return fail("the server has not proved who it is");
    chmtls_session session{};
    session.interface = CHMTLS_INTERFACE_NATIVE;
    session.session_token = token_;
    watched_ = true;
    if (const auto opened = plugin_.session_opened(peer->identity, session); !opened.ok())
        return fail(opened.message);
    deadline_.cancel();
    place_.logged_in();
    relay_ = std::make_shared<Relay>(std::move(near_), std::move(far_), worker_.scratch(), site_->settings.timeouts.half_closed);
    relay_->start({}, [self = shared_from_this()](std::string_view) {});
}

void EgressSession::fail(const std::string & why)
{
    say(Level::error, "egress to " + to_text(egress_.to) + ": " + why);
    close();
}

void EgressSession::end(const std::string & reason)
{
    if (over_)
        return;
    say(Level::information, "egress to " + to_text(egress_.to) + ": closed a connection: " + reason);
    close();
}

void EgressSession::drain()
{
    relay_ == nullptr ? end("the gateway ends") : relay_->end_when_quiet();
}

// The module has seen another answer, or failed connects. What the name's own lookup says now decides; no answer decides nothing.
void EgressSession::host_moved(const std::string & host)
{
    if (over_ || relay_ == nullptr || resolver_ != nullptr || is_address(egress_.to.host)
        || (!host.empty() && !is_same_host(egress_.to.host, host)))
        return;
    resolver_ = std::make_unique<tcp::resolver>(worker_.io());
    resolver_->async_resolve(
        egress_.to.host, std::to_string(egress_.to.port), tcp::resolver::numeric_service,
        [self = shared_from_this(), this](const ErrorCode & error, const tcp::resolver::results_type & found)
        {
            resolver_.reset();
            const bool still_there = std::any_of(
                found.begin(), found.end(), [&](const auto & each) { return each.endpoint().address() == far_address_; });
            if (error || over_ || still_there)
                return;
            say(Level::information, "egress to " + to_text(egress_.to) + ": " + address_text(far_address_)
                                        + " is no longer its address: the connection ends when it is quiet");
            relay_->end_when_quiet();
        });
}

void EgressSession::close() noexcept
{
    over_ = true;
    deadline_.cancel();
    if (connector_ != nullptr)
        connector_->cancel();
    if (resolver_ != nullptr)
        resolver_->cancel();
    if (relay_ != nullptr)
        relay_->stop();
    if (near_ != nullptr)
        near_->abort();
    if (far_ != nullptr)
        far_->close();
}

}
