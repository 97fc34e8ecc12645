#include "native_session.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "log.h"

namespace chmtls::gateway
{
namespace
{

bool is_printable(std::string_view text)
{
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

}

void NativeSession::ended() noexcept
{
    OPENSSL_cleanse(hello_.data(), hello_.size());
    if (connector_ != nullptr)
        connector_->cancel();
    if (relay_ != nullptr)
        relay_->stop();
}

void NativeSession::drain()
{
    relay_ == nullptr ? end("the gateway ends") : relay_->end_when_quiet();
}

void NativeSession::read_hello()
{
    for (;;)
    {
        auto & scratch = worker_.scratch();
        const auto moved = client_->read(std::span(scratch).first(max_hello_bytes));
        if (moved.state == Io::wants_read || moved.state == Io::wants_write)
            return when_ready(moved.state, [this] { read_hello(); });
        if (moved.state != Io::done)
            return close();
        hello_.append(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
        const auto parsed = parse_native_hello(hello_);
        switch (parsed.state)
        {
        case HelloState::incomplete:
            continue;
        case HelloState::refused:
            return refuse(unexpected_packet, std::string(parsed.fault));
        case HelloState::complete:
            return login(parsed.hello);
        }
    }
}

void NativeSession::login(const NativeHello & hello)
{
    if (!refusal().empty())
        return refuse(authentication_failed, "Certificate refused: " + refusal());
    const auto marker = marker_of(hello.user);
    if (marker == Marker::interserver_secret)
        return login_server();
    if (marker != Marker::none)
        return refuse(authentication_failed, "this kind of login is not passed on; log in by certificate");
    auto flags = native_flags(hello.user, hello.password);
    if (!is_printable(hello.client_name) || !is_printable(hello.database))
        flags |= CHMTLS_LOGIN_UNPRINTABLE; // the server would log them
    const Offer offer{CHMTLS_INTERFACE_NATIVE, flags, hello.user, address_, proxy_ != nullptr};
    const auto decision = decide(plugin_, peer(), offer, site_->settings.password_logins);
    if (decision.entry == Entry::refused)
    {
        const auto who = hello.user.empty() ? std::string("a client that names no user") : "user " + std::string(hello.user);
        return refuse(authentication_failed, "Certificate login denied for " + who + ": " + decision.why);
    }
    if (const auto watched = watch(CHMTLS_INTERFACE_NATIVE, decision.user, decision.rule); !watched.ok())
        return refuse(authentication_failed, watched.message);
    if (decision.entry == Entry::as_it_came)
        return connect(hello_);
    const auto proof = proof_of(decision.user);
    if (!proof)
        return refuse(
            authentication_failed, "the gateway has no proof for user " + decision.user + " (gateway.proof): it cannot log in");
    connect(with_credentials(hello_, hello, decision.user, *proof));
}

// Another server with the cluster's secret, by which it can name any user.
void NativeSession::login_server()
{
    if (proxy_ != nullptr || peer() == nullptr || !is_node(plugin_, *peer()).value_or(false))
        return refuse(authentication_failed, "a cluster's secret is taken from nodes only, and no node rule matches (NODE-RULE)");
    if (const auto watched = watch(CHMTLS_INTERFACE_NATIVE, {}, {}); !watched.ok())
        return refuse(authentication_failed, watched.message);
    connect(hello_);
}

void NativeSession::connect(std::string first)
{
    logged_in();
    connector_ = std::make_shared<Connector>(worker_.io(), listener_.servers, site_->settings.timeouts.connect);
    connector_->start(
        [self = shared_from_this(), this, first = std::move(first)](tcp::socket socket, const std::string & fault) mutable
        {
            connector_.reset();
            if (!fault.empty())
            {
                say(Level::error, "no server for " + address_ + ": " + fault);
                return refuse(network_error, "the server behind the gateway cannot be reached");
            }
            relay_ = std::make_shared<Relay>(
                std::move(client_), std::make_unique<PlainEnd>(std::move(socket)), worker_.scratch(),
                site_->settings.timeouts.half_closed);
            relay_->start(first, [self](std::string_view) {});
            OPENSSL_cleanse(first.data(), first.size());
            OPENSSL_cleanse(hello_.data(), hello_.size());
            hello_.clear();
        });
}

void NativeSession::refuse(int32_t code, const std::string & text)
{
    say_and_close(exception_packet(code, text));
}

}
