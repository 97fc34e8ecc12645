#include "connector.h"

#include <utility>

#include <boost/asio/connect.hpp>

#include "end.h"

namespace chmtls::gateway
{

Connector::Connector(asio::io_context & io, std::vector<HostPort> servers, std::chrono::milliseconds limit)
    : servers_(std::move(servers)), limit_(limit), resolver_(io), socket_(io), timer_(io)
{
}

void Connector::start(Done done)
{
    done_ = std::move(done);
    next_server();
}

void Connector::cancel() noexcept
{
    done_ = nullptr;
    resolver_.cancel();
    ErrorCode ignored;
    socket_.close(ignored);
    timer_.cancel();
}

void Connector::next_server()
{
    if (!done_)
        return;
    if (next_ == servers_.size())
        return finish(fault_);
    const auto & server = servers_[next_++];
    fault_ = to_text(server) + ": no answer within the time limit (timeouts.connect)";
    timer_.expires_after(limit_);
    timer_.async_wait(
        [self = shared_from_this()](const ErrorCode & error)
        {
            if (error)
                return;
            self->resolver_.cancel();
            ErrorCode ignored;
            self->socket_.close(ignored);
        });
    const auto numeric = is_address(server.host) ? tcp::resolver::numeric_host : tcp::resolver::flags{};
    resolver_.async_resolve(
        server.host, std::to_string(server.port), numeric | tcp::resolver::numeric_service,
        [self = shared_from_this()](const ErrorCode & error, const tcp::resolver::results_type & found)
        {
            if (!error)
                return self->connect(found);
            if (error != asio::error::operation_aborted)
                self->fault_ = to_text(self->servers_[self->next_ - 1]) + ": " + error.message();
            self->next_server();
        });
}

void Connector::connect(const tcp::resolver::results_type & found)
{
    asio::async_connect(
        socket_, found,
        [self = shared_from_this()](const ErrorCode & error, const tcp::endpoint &)
        {
            if (!error && self->socket_.is_open())
                return self->finish({});
            if (error && error != asio::error::operation_aborted)
                self->fault_ = to_text(self->servers_[self->next_ - 1]) + ": " + error.message();
            self->next_server();
        });
}

void Connector::finish(std::string fault)
{
    timer_.cancel();
    if (!done_)
        return;
    if (fault.empty())
    {
        ErrorCode error;
        socket_.non_blocking(true, error);
        socket_.native_non_blocking(true, error);
        if (error)
            fault = error.message();
        tune(socket_);
    }
    const auto done = std::exchange(done_, nullptr);
    done(std::move(socket_), fault);
}

}
