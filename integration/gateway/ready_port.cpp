#include "ready_port.h"

#include "farewell.h"

namespace chmtls::gateway
{
namespace
{

constexpr std::chrono::milliseconds limit{2000};
constexpr const char * ready_answer
    = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 6\r\n\r\nready\n";
constexpr const char * draining_answer
    = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 9\r\n\r\ndraining\n";

}

void ReadyPort::start(const HostPort & at)
{
    const tcp::endpoint endpoint(asio::ip::make_address(at.host), at.port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    ready_ = true;
    accept();
}

void ReadyPort::accept()
{
    acceptor_.async_accept(
        [this](const ErrorCode & error, tcp::socket socket)
        {
            if (!acceptor_.is_open() || error == asio::error::operation_aborted)
                return;
            if (!error)
            {
                ErrorCode ignored;
                socket.non_blocking(true, ignored);
                Farewell::say(std::make_unique<PlainEnd>(std::move(socket)), ready_ ? ready_answer : draining_answer, limit);
            }
            accept();
        });
}

}
