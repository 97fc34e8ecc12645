#pragma once

// Boost.Asio as the gateway uses it: one thread for each io_context, so nothing of a connection needs a lock.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace chmtls::gateway
{

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

}
