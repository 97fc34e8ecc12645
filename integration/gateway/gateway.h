#pragma once

// The process: the module, the workers, the accept loop, and the one thread that takes configurations and signals.

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "acceptor.h"

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
    /// Until SIGTERM or SIGINT.
    void run();

private:
    class Callbacks;
    bool load_module(const Settings & settings);
    bool create_plugin(const Settings & settings);
    void open_workers(size_t count);
    /// True: taken, or nothing to be done about it now.
    bool reload();
    void retry_later();
    void wait_for_signal();

    const std::string config_file_;
    asio::io_context control_{1};
    asio::signal_set signals_;
    asio::steady_timer retry_;
    std::chrono::milliseconds retry_delay_{0}; // 0: nothing to retry
    std::string last_fault_;
    chmtls::Module module_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::shared_ptr<chmtls::Plugin> plugin_;
    std::unique_ptr<host::SslBinding> binding_;
    CurrentSite site_;
    std::unique_ptr<Admissions> admissions_;
    std::unique_ptr<Acceptor> acceptor_;
};

/// The file's settings, or what is wrong with them.
ParsedSettings read_settings(const std::string & file);

}
