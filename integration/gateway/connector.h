#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "asio.h"
#include "settings.h"

namespace chmtls::gateway
{

/// Connects to the first of some servers that takes the connection. Names are looked up each time, and each of their addresses is
/// tried. One thread.
class Connector : public std::enable_shared_from_this<Connector>
{
public:
    /// A connected, non-blocking socket and no fault, or the last fault.
    using Done = std::function<void(tcp::socket, const std::string & fault)>;

    Connector(asio::io_context & io, std::vector<HostPort> servers, std::chrono::milliseconds limit);

    /// `done` is called once, from the event loop, unless cancel was called before.
    void start(Done done);
    void cancel() noexcept;

private:
    void next_server();
    void connect(const tcp::resolver::results_type & found);
    void finish(std::string fault);

    const std::vector<HostPort> servers_;
    const std::chrono::milliseconds limit_;
    size_t next_ = 0;
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::string fault_ = "no server is configured";
    Done done_;
};

}
