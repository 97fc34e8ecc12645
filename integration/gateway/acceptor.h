#pragma once

// One thread accepts for all listeners and hands each connection to the worker that has the fewest.

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>

#include "accepted_session.h"
#include "service.h"

namespace chmtls::gateway
{

/// Where and what for a socket listens.
struct Endpoint
{
    Role role = Role::native;
    std::string address;
    uint16_t port = 0;

    bool operator==(const Endpoint &) const = default;
};

/// All that the settings ask for.
std::vector<Endpoint> endpoints_of(const Settings & settings);

class Acceptor
{
public:
    /// References must outlive it.
    Acceptor(
        CurrentSite & site, chmtls::Plugin & plugin, std::vector<std::unique_ptr<Worker>> & workers, Admissions & admissions,
        Tokens & tokens, InheritedSockets & inherited);
    ~Acceptor() { stop(); }
    Acceptor(const Acceptor &) = delete;
    Acceptor & operator=(const Acceptor &) = delete;

    /// Opens what is missing and closes what is not wanted. Returns what cannot be opened; where that is all of it, nothing
    /// listens. Any thread; waits for the accepting one.
    std::vector<std::string> listen(const std::vector<Endpoint> & wanted);
    void start();
    /// Closes all listeners and ends the thread. Idempotent.
    void stop();

private:
    struct Listening;
    std::vector<std::string> open_and_close(const std::vector<Endpoint> & wanted);
    void open(Listening & listening);
    void accept(const std::shared_ptr<Listening> & listening);
    void take(const Listening & listening, tcp::socket socket, const tcp::endpoint & from, Worker & worker);
    void failed(const std::shared_ptr<Listening> & listening, const ErrorCode & error);
    Worker & least_loaded() const;

    CurrentSite & site_;
    chmtls::Plugin & plugin_;
    std::vector<std::unique_ptr<Worker>> & workers_;
    Admissions & admissions_;
    Tokens & tokens_;
    InheritedSockets & inherited_;
    std::vector<std::shared_ptr<Listening>> listening_;
    asio::io_context io_{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;
    std::chrono::steady_clock::time_point last_complaint_;
};

}
