#include "https_session.h"

#include <algorithm>

#include "log.h"
#include "native_hello.h"

namespace chmtls::gateway
{
namespace
{

std::string_view path_of(std::string_view target)
{
    return target.substr(0, target.find('?'));
}

std::string_view reason_of(int status)
{
    switch (status)
    {
    case 403:
        return "Forbidden";
    case 405:
        return "Method Not Allowed";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

int32_t code_of(int status)
{
    return status == 403 ? authentication_failed : status == 502 ? network_error : unexpected_packet;
}

}

HttpsSession::HttpsSession(Accepted accepted) : AcceptedSession(std::move(accepted)), idle_(worker_.io()) {}

void HttpsSession::ended() noexcept
{
    idle_.cancel();
    if (connector_ != nullptr)
        connector_->cancel();
    if (server_ != nullptr)
        server_->close();
}

void HttpsSession::drain()
{
    draining_ = true;
    if (exchange_ == nullptr && !over())
        say_and_close({});
}

void HttpsSession::next_request()
{
    if (draining_)
        return say_and_close({});
    // A connection that waits is judged again as well whenever trust changes.
    if (!watched_as_)
    {
        watched_as_.emplace();
        if (const auto watched = watch(CHMTLS_INTERFACE_HTTP, {}, {}); !watched.ok())
            return answer(403, watched.message);
    }
    if (client_ended_ && in_.empty())
        return say_and_close({});
    if (!first_)
    {
        idle_.expires_after(site_->settings.timeouts.http_idle);
        idle_.async_wait(
            [self = shared_from_this(), this](const ErrorCode & error)
            {
                if (!error && exchange_ == nullptr)
                    close();
            });
    }
    read_head();
}

void HttpsSession::read_head()
{
    for (;;)
    {
        const auto size = head_size(in_);
        if (size > max_head_bytes || (size == 0 && in_.size() > max_head_bytes))
            return answer(431, "the head of the request has more than 128 KiB");
        if (size != 0)
        {
            idle_.cancel();
            if (first_)
                logged_in();
            first_ = false;
            const auto head = in_.substr(0, size);
            in_.erase(0, size);
            return judge(head);
        }
        auto & scratch = worker_.scratch();
        const auto moved = client_->read(scratch);
        if (moved.state == Io::wants_read || moved.state == Io::wants_write)
            return when_ready(moved.state, [this] { read_head(); });
        if (moved.state != Io::done)
            return moved.state == Io::ended ? say_and_close({}) : close();
        in_.append(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
    }
}

void HttpsSession::judge(const std::string & bytes)
{
    const auto parsed = parse_request_head(bytes);
    if (!parsed.head)
        return answer(parsed.status, std::string(parsed.fault));
    const auto & head = *parsed.head;
    if (needs_no_login(head))
        return pass_on(bytes, head, head_without_login(head, client_address()));
    if (const auto why = take_client(head); !why.empty())
        return answer(403, why);
    const auto & client = client_address();
    const auto offer = offer_of(head);
    if (!offer.fault.empty())
        return answer(400, std::string(offer.fault));
    const auto decision = decision_on(offer);
    if (decision.entry == Entry::refused)
        return answer(403, "Certificate login denied for user " + offer.user + ": " + decision.why);
    if (decision.entry == Entry::as_it_came)
        return pass_on(bytes, head, head_for_server(head, nullptr, client));
    const auto proof = proof_of(decision.user);
    if (!proof || !is_field_value(decision.user) || !is_field_value(*proof))
        return answer(
            403,
            "the gateway has no proof for user " + decision.user + " (gateway.proof) that a header can carry: it cannot log in");
    const ServerCredentials credentials{decision.user, *proof};
    pass_on(bytes, head, head_for_server(head, &credentials, client));
}

// A proxy may send the requests of many clients over one connection: each says whose it is.
std::string HttpsSession::take_client(const RequestHead & head)
{
    if (proxy_ == nullptr || proxy_->hands_on == HandsOn::proxy_protocol)
        return {};
    set_client_address(forwarded_for(head));
    auto found = handed_on(head, proxy_->hands_on, proxy_->hops);
    if (found.chain.empty())
        return std::string(found.fault);
    if (peer() != nullptr && found.chain == handed_on_)
        return {};
    last_.reset();
    handed_on_.clear();
    if (auto why = take_handed_on(found.chain); !why.empty())
        return why;
    handed_on_ = std::move(found.chain);
    // The module lets go of the former client, and watches this one, before anything is asked for.
    watched_as_.emplace();
    const auto watched = watch(CHMTLS_INTERFACE_HTTP, {}, {});
    return watched.ok() ? std::string() : watched.message;
}

// The module's answer depends on the login, the generation and the second of the clock; see chmtls_plugin_api::generation.
Decision HttpsSession::decision_on(const HttpOffer & offer)
{
    const auto generation = plugin_.generation();
    const auto second = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const bool again = last_ && last_->flags == offer.flags && last_->user == offer.user;
    if (again && generation != 0 && last_->generation == generation && last_->second == second)
        return last_->decision;
    const Offer asked{
        CHMTLS_INTERFACE_HTTP, offer.flags | (again ? CHMTLS_LOGIN_AGAIN : 0U), offer.user, address_, proxy_ != nullptr};
    last_.reset();
    auto decision = decide(plugin_, peer(), asked, site_->settings.password_logins);
    if (decision.entry == Entry::refused)
        return decision;
    if (watched_as_->first != decision.user || watched_as_->second != decision.rule)
    {
        if (auto watched = watch(CHMTLS_INTERFACE_HTTP, decision.user, decision.rule); !watched.ok())
            return {Entry::refused, {}, {}, std::move(watched.message)};
        watched_as_.emplace(decision.user, decision.rule);
    }
    if (decision.entry == Entry::as_user)
        last_ = Granted{offer.flags, offer.user, generation, second, decision};
    return decision;
}

bool HttpsSession::needs_no_login(const RequestHead & head) const
{
    const auto & open = listener_.without_login;
    const bool reads = head.method == "GET" || head.method == "HEAD";
    return reads && std::find(open.begin(), open.end(), path_of(head.target)) != open.end();
}

void HttpsSession::pass_on(const std::string & bytes, const RequestHead & head, std::string for_server)
{
    exchange_ = std::make_unique<Exchange>();
    auto & exchange = *exchange_;
    exchange.head = std::move(for_server);
    exchange.body_chunked = head.framing == Framing::chunked;
    exchange.to_head = head.method == "HEAD";
    exchange.expects_continue = head.expects_continue;
    exchange.keep_alive = head.keep_alive;
    exchange.old_client = head.minor_version == 0;
    exchange.request = read_request();
    std::string nothing;
    // What our own reading accepted, Beast's has to accept as well.
    if (exchange.request->put(bytes, nothing) != bytes.size() || !exchange.request->fault().empty())
        return answer(400, "the head of the request cannot be read: " + exchange.request->fault());
    tell(chmtls::Activity::busy);
    reach_server();
}

void HttpsSession::answer(int status, const std::string & text)
{
    const auto code = std::to_string(code_of(status));
    const auto body = "Code: " + code + ". DB::Exception: " + text + "\n";
    std::string words = "HTTP/1.1 " + std::to_string(status);
    words.append(" ")
        .append(reason_of(status))
        .append("\r\nContent-Type: text/plain; charset=UTF-8\r\nX-ClickHouse-Exception-Code: ");
    words.append(code).append("\r\nConnection: close\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    const bool to_head = exchange_ != nullptr && exchange_->to_head;
    exchange_.reset();
    say_and_close(to_head ? words : words + body);
}

}
