// One request and its answer: two flows, each of which reads only when nothing of it waits to be written.

#include <algorithm>

#include <sys/socket.h>

#include "https_session.h"
#include "log.h"

namespace chmtls::gateway
{
namespace
{

/// Of what a client sends beyond its request, and of what the parser cannot use yet.
constexpr size_t max_waiting = 64 << 10;
/// For servers that do not say how long they keep a connection; and how much earlier than they it is given up.
constexpr std::chrono::seconds usual_keep_alive{3};
constexpr std::chrono::seconds safety{1};

/// Nothing has come, and the end has not either.
bool is_quiet(tcp::socket & socket)
{
    char byte = 0;
    return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}

template <class Again>
HttpsSession::Flow HttpsSession::flush(End & end, std::string & out, size_t & sent, Again again)
{
    while (sent < out.size())
    {
        const std::string_view rest = std::string_view(out).substr(sent);
        const auto moved = end.write({reinterpret_cast<const uint8_t *>(rest.data()), rest.size()});
        if (moved.state == Io::wants_read || moved.state == Io::wants_write)
        {
            when_ready(end, moved.state, again);
            return Flow::waits;
        }
        if (moved.state != Io::done)
            return Flow::broken;
        sent += moved.bytes;
    }
    std::string().swap(out);
    sent = 0;
    return Flow::goes_on;
}

void HttpsSession::reach_server()
{
    const bool good = server_ != nullptr && std::chrono::steady_clock::now() < server_good_until_ && is_quiet(server_->socket());
    exchange_->reused = good;
    if (good)
        return connected();
    server_.reset();
    from_server_.clear();
    connector_ = std::make_shared<Connector>(worker_.io(), listener_.servers, site_->settings.timeouts.connect);
    connector_->start(
        [self = shared_from_this(), this](tcp::socket socket, const std::string & fault)
        {
            connector_.reset();
            if (!fault.empty())
            {
                say(Level::error, "no server for " + address_ + ": " + fault);
                return answer(502, "the server behind the gateway cannot be reached");
            }
            server_ = std::make_unique<PlainEnd>(std::move(socket));
            connected();
        });
}

void HttpsSession::connected()
{
    auto & exchange = *exchange_;
    exchange.up = exchange.head;
    exchange.up_sent = 0;
    exchange.answer = read_answer(exchange.to_head);
    if (std::exchange(exchange.expects_continue, false))
        exchange.down = "HTTP/1.1 100 Continue\r\n\r\n";
    run_up();
    if (exchange_.get() == &exchange)
        run_down();
}

void HttpsSession::run_up()
{
    while (exchange_ != nullptr && server_ != nullptr && !exchange_->up_done)
    {
        auto & exchange = *exchange_;
        const auto flow = flush(*server_, exchange.up, exchange.up_sent, [this] { run_up(); });
        if (flow == Flow::waits)
            return;
        if (flow == Flow::broken) // its answer may be there all the same
            exchange.up_done = exchange.up_broken = true;
        else if (exchange.request->complete())
            exchange.up_done = true;
        else if (!fill_up())
            return;
    }
    if (exchange_ != nullptr && exchange_->up_done)
        watch_client();
}

bool HttpsSession::read_client()
{
    auto & scratch = worker_.scratch();
    const auto moved = client_->read(scratch);
    if (moved.state == Io::wants_read || moved.state == Io::wants_write)
    {
        when_ready(moved.state, [this] { run_up(); });
        return false;
    }
    if (moved.state != Io::done)
    {
        abort("the client broke off in the middle of a request");
        return false;
    }
    in_.append(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
    return true;
}

bool HttpsSession::fill_up()
{
    auto & exchange = *exchange_;
    std::string body;
    const auto used = exchange.request->put(in_, body);
    in_.erase(0, used);
    if (!exchange.request->fault().empty() || (used == 0 && in_.size() >= max_waiting))
    {
        const auto fault = "the body of the request cannot be read: "
                           + (exchange.request->fault().empty() ? "a chunk's head is too long" : exchange.request->fault());
        server_.reset(); // it has a part of the request, and must not take it for the whole
        exchange.answered ? abort(fault) : answer(400, fault);
        return false;
    }
    exchange.body_begun = exchange.body_begun || !body.empty();
    if (!exchange.body_chunked)
        exchange.up.append(body);
    else if (!body.empty())
        append_chunk(exchange.up, body);
    if (exchange.request->complete())
    {
        exchange.up.append(exchange.body_chunked ? last_chunk : std::string_view{});
        return true;
    }
    return used != 0 || read_client();
}

void HttpsSession::run_down()
{
    while (exchange_ != nullptr && server_ != nullptr)
    {
        auto & exchange = *exchange_;
        const auto flow = flush(*client_, exchange.down, exchange.down_sent, [this] { run_down(); });
        if (flow == Flow::waits)
            return;
        if (flow == Flow::broken)
            return abort("the client is gone");
        if (exchange.answered && exchange.answer->complete())
            return finished();
        if (!fill_down())
            return;
    }
}

bool HttpsSession::fill_down()
{
    auto & scratch = worker_.scratch();
    const auto moved = server_->read(scratch);
    if (moved.state == Io::wants_read || moved.state == Io::wants_write)
    {
        when_ready(*server_, moved.state, [this] { run_down(); });
        return false;
    }
    if (moved.state != Io::done)
    {
        return server_ended(moved.state);
    }
    from_server_.append(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
    return take_from_server();
}

// True: the answer is complete.
bool HttpsSession::server_ended(Io how)
{
    auto & exchange = *exchange_;
    if (how == Io::ended && exchange.answered)
        exchange.answer->end(); // the end of a body that has no other
    if (exchange.answered && exchange.answer->complete() && exchange.answer->fault().empty())
    {
        exchange.down.append(exchange.answer_chunked ? last_chunk : std::string_view{});
        return true;
    }
    server_.reset();
    // It may have given up the connection in the moment in which the request came. Only what it cannot have begun is sent again.
    if (exchange.answered)
        abort("the server broke off in the middle of an answer");
    else if (exchange.reused && !exchange.body_begun && from_server_.empty())
        reach_server();
    else
        answer(502, "the server behind the gateway gave no answer");
    return false;
}

bool HttpsSession::take_from_server()
{
    auto & exchange = *exchange_;
    std::string body;
    const auto used = exchange.answer->put(from_server_, body);
    from_server_.erase(0, used);
    if (!exchange.answer->fault().empty())
    {
        const auto fault = "the server's answer cannot be read: " + exchange.answer->fault();
        exchange.answered ? abort(fault) : answer(502, fault);
        return false;
    }
    if (!exchange.answer->has_head())
        return true;
    if (!exchange.answered && exchange.answer->head().status / 100 == 1)
    {
        exchange.answer = read_answer(exchange.to_head); // the one that counts follows
        return from_server_.empty() || take_from_server();
    }
    if (!exchange.answered)
        begin_answer(exchange.answer->head());
    if (!exchange.answer_chunked)
        exchange.down.append(body);
    else if (!body.empty())
        append_chunk(exchange.down, body);
    if (exchange.answer->complete())
        exchange.down.append(exchange.answer_chunked ? last_chunk : std::string_view{});
    return true;
}

void HttpsSession::begin_answer(const AnswerHead & head)
{
    auto & exchange = *exchange_;
    auto & out = exchange.down;
    exchange.answered = true;
    // A client that is still sending cannot be told where its request ends for the server.
    exchange.keep_alive = exchange.keep_alive && exchange.up_done && !exchange.up_broken && !client_ended_ && !draining_;
    const bool framed = !head.has_body || head.length.has_value();
    exchange.answer_chunked = !framed && !exchange.old_client;
    if (!framed && exchange.old_client)
        exchange.keep_alive = false;
    out.append(exchange.old_client ? "HTTP/1.0 " : "HTTP/1.1 ").append(std::to_string(head.status)).append(" ");
    out.append(head.reason).append("\r\n");
    for (const auto & [name, value] : head.fields)
        out.append(name).append(": ").append(value).append("\r\n");
    if (head.length)
        out.append("Content-Length: ").append(std::to_string(*head.length)).append("\r\n");
    if (exchange.answer_chunked)
        out.append("Transfer-Encoding: chunked\r\n");
    out.append("Connection: ").append(exchange.keep_alive ? "keep-alive" : "close").append("\r\n\r\n");
}

// While the server works: a client that leaves ends its query. One that has only said that it sends no more still gets its
// answer.
void HttpsSession::watch_client()
{
    while (exchange_ != nullptr && !watching_ && !client_ended_ && in_.size() < max_waiting)
    {
        auto & scratch = worker_.scratch();
        const auto moved = client_->read(scratch);
        if (moved.state == Io::done)
        {
            in_.append(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
            continue;
        }
        if (moved.state == Io::ended)
            client_ended_ = true;
        else if (moved.state == Io::failed)
            return abort("the client left before its answer");
        else
        {
            watching_ = true;
            when_ready(
                moved.state,
                [this]
                {
                    watching_ = false;
                    if (exchange_ != nullptr && exchange_->up_done)
                        watch_client();
                });
        }
    }
}

void HttpsSession::finished()
{
    const auto & exchange = *exchange_;
    const auto & head = exchange.answer->head();
    const bool whole = exchange.up_done && !exchange.up_broken;
    tell(chmtls::Activity::idle);
    if (whole && head.keep_alive && from_server_.empty())
    {
        const std::chrono::seconds kept(std::min<uint64_t>(head.keep_alive_seconds.value_or(usual_keep_alive.count()), 3600));
        server_good_until_ = std::chrono::steady_clock::now() + std::max(kept - safety, std::chrono::seconds{0});
    }
    else
        server_.reset();
    const bool goes_on = exchange.keep_alive;
    exchange_.reset();
    if (!goes_on)
        return say_and_close({});
    asio::post(
        worker_.io(),
        [self = shared_from_this(), this]
        {
            if (!over())
                next_request();
        });
}

void HttpsSession::abort(const std::string & why)
{
    say(Level::debug, "https_port: the request of " + address_ + " ended early: " + why);
    exchange_.reset();
    client_->abort();
    close();
}

}
