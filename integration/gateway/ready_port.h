#pragma once

#include "address.h"
#include "asio.h"

namespace chmtls::gateway
{

/// Answers every connection with 200 while the gateway takes new ones, and with 503 from the moment it drains. One thread.
class ReadyPort
{
public:
    explicit ReadyPort(asio::io_context & io) : acceptor_(io) {}

    /// Throws boost::system::system_error.
    void start(const HostPort & at);
    void set_ready(bool ready) { ready_ = ready; }

private:
    void accept();

    tcp::acceptor acceptor_;
    bool ready_ = false;
};

}
