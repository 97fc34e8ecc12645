#pragma once

// The process: the module, the workers, the accept loop, and the one thread that takes configurations and signals.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "acceptor.h"
#include "ready_port.h"
#include "token_endpoint.h"

namespace chmtls::gateway
{

class Gateway
{
public:
    explicit Gateway(std::string config_file);
    ~Gateway();
    Gateway(const Gateway &) = delete;
    Gateway & operator=(const Gateway &) = delete;

    /// Loads everything and listens. False: it was said why.
    bool start();
    /// Until SIGTERM or SIGINT, and then until every session has ended or timeouts.drain is over; a second signal ends it at
    /// once. False: sessions had to be ended.
    bool run();

private:
    class Callbacks;
    bool load_module(const Settings & settings);
    bool create_plugin(const Settings & settings);
    void open_workers(size_t count);
    /// True: taken, or nothing to be done about it now.
    bool reload();
    void retry_later();
    void wait_for_signal();
    bool open_local_ports(const Settings & settings);
    void drain();
    void wait_for_sessions(std::chrono::steady_clock::time_point until);
    void feed_watchdog(std::chrono::microseconds every);

    const std::string config_file_;
    asio::io_context control_{1};
    asio::signal_set signals_;
    asio::steady_timer retry_;
    std::chrono::milliseconds retry_delay_{0}; // 0: nothing to retry
    std::string last_fault_;
    chmtls::Module module_;
    std::mutex workers_mutex_; // guards the vector against its end; the module's threads look into it
    std::vector<std::unique_ptr<Worker>> workers_;
    std::shared_ptr<chmtls::Plugin> plugin_;
    std::unique_ptr<host::SslBinding> binding_;
    CurrentSite site_;
    std::unique_ptr<Admissions> admissions_;
    Tokens tokens_;
    InheritedSockets inherited_;
    std::unique_ptr<TokenEndpoint> token_endpoint_;
    std::unique_ptr<Acceptor> acceptor_;
    ReadyPort ready_;
    asio::steady_timer watchdog_;
    bool draining_ = false;
    bool drained_ = true;
};

/// The file's settings, or what is wrong with them.
ParsedSettings read_settings(const std::string & file);

}
