#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>

#include "address.h"
#include "asio.h"
#include "tokens.h"

namespace chmtls::gateway
{

/// What ClickHouse asks as an http_authentication_server: GET with Basic credentials; 200 when the password is a token of the
/// user that was not used yet, else 403. A thread of its own: a login waits for it.
class TokenEndpoint
{
public:
    explicit TokenEndpoint(Tokens & tokens) : tokens_(tokens), acceptor_(io_) {}
    ~TokenEndpoint();
    TokenEndpoint(const TokenEndpoint &) = delete;
    TokenEndpoint & operator=(const TokenEndpoint &) = delete;

    /// Throws boost::system::system_error.
    void start(const HostPort & at);

private:
    class Question;
    void accept();

    Tokens & tokens_;
    size_t open_ = 0; // its own thread's
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    std::thread thread_;
};

/// Name and password of a Basic authorization (RFC 7617). False: it is none.
bool decode_basic(std::string_view authorization, std::string & user, std::string & password);

}
