#include "acceptor.h"

#include <algorithm>
#include <future>

#include <boost/asio/ip/v6_only.hpp>

#include "log.h"

namespace chmtls::gateway
{
namespace
{

/// After a failed accept, such as for want of descriptors: others need time to end.
constexpr std::chrono::milliseconds pause_after_failure{100};
constexpr std::chrono::seconds between_complaints{60};
constexpr int backlog = 4096;

std::string to_text(const Endpoint & endpoint)
{
    return std::string(listener_name(endpoint.role)).append(" ").append(to_text(HostPort{endpoint.address, endpoint.port}));
}

}

std::vector<Endpoint> endpoints_of(const Settings & settings)
{
    std::vector<Endpoint> endpoints;
    for (const auto & listener : settings.listeners)
        for (const auto & host : settings.listen_host)
            endpoints.push_back({listener.role, host, listener.port});
    for (const auto & ingress : settings.ingress)
        endpoints.push_back({Role::interserver, ingress.listen.host, ingress.listen.port});
    for (const auto & proxy : settings.trusted_proxies)
        endpoints.push_back({proxy.https ? Role::https : Role::native, proxy.listen.host, proxy.listen.port});
    for (const auto & egress : settings.egress)
        endpoints.push_back({Role::egress, egress.listen.host, egress.listen.port});
    return endpoints;
}

struct Acceptor::Listening
{
    Listening(asio::io_context & io, Endpoint at) : endpoint(std::move(at)), acceptor(io), pause(io) {}

    const Endpoint endpoint;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    tcp::endpoint from;
};

Acceptor::Acceptor(
    CurrentSite & site, chmtls::Plugin & plugin, std::vector<std::unique_ptr<Worker>> & workers, Admissions & admissions,
    Tokens & tokens, InheritedSockets & inherited)
    : site_(site), plugin_(plugin), workers_(workers), admissions_(admissions), tokens_(tokens), inherited_(inherited)
{
}

void Acceptor::start()
{
    work_.emplace(io_.get_executor());
    thread_ = std::thread([this] { io_.run(); });
}

void Acceptor::stop()
{
    if (!thread_.joinable())
        return;
    listen({});
    io_.stop();
    thread_.join();
}

std::vector<std::string> Acceptor::listen(const std::vector<Endpoint> & wanted)
{
    std::promise<std::vector<std::string>> done;
    asio::post(io_, [&] { done.set_value(open_and_close(wanted)); });
    return done.get_future().get();
}

std::vector<std::string> Acceptor::open_and_close(const std::vector<Endpoint> & wanted)
{
    std::vector<std::string> faults;
    const auto listens_at = [&](const Endpoint & endpoint)
    {
        return std::any_of(listening_.begin(), listening_.end(), [&](const auto & each) { return each->endpoint == endpoint; });
    };
    const auto unwanted = std::stable_partition(
        listening_.begin(), listening_.end(),
        [&](const auto & each) { return std::find(wanted.begin(), wanted.end(), each->endpoint) != wanted.end(); });
    std::for_each(
        unwanted, listening_.end(),
        [](const auto & each)
        {
            ErrorCode ignored;
            each->acceptor.close(ignored);
            each->pause.cancel();
        });
    listening_.erase(unwanted, listening_.end());
    for (const auto & endpoint : wanted)
    {
        if (listens_at(endpoint))
            continue;
        const auto listening = std::make_shared<Listening>(io_, endpoint);
        try
        {
            open(*listening);
        }
        catch (const boost::system::system_error & error)
        {
            faults.push_back("cannot listen at " + to_text(endpoint) + ": " + error.code().message());
            continue;
        }
        listening_.push_back(listening);
        accept(listening);
    }
    return faults;
}

void Acceptor::open(Listening & listening)
{
    auto & acceptor = listening.acceptor;
    const auto & endpoint = listening.endpoint;
    const tcp::endpoint at(asio::ip::make_address(endpoint.address), endpoint.port);
    if (const auto inherited = inherited_.take({endpoint.address, endpoint.port}))
        return acceptor.assign(at.protocol(), *inherited);
    acceptor.open(at.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (at.address().is_v6())
        acceptor.set_option(asio::ip::v6_only(true)); // IPv4 has listeners of its own
    acceptor.bind(at);
    acceptor.listen(backlog);
}

void Acceptor::accept(const std::shared_ptr<Listening> & listening)
{
    auto & worker = least_loaded();
    listening->acceptor.async_accept(
        worker.io(), listening->from,
        [this, listening, &worker](const ErrorCode & error, tcp::socket socket)
        {
            if (!listening->acceptor.is_open())
                return;
            if (error)
                return failed(listening, error);
            take(*listening, std::move(socket), listening->from, worker);
            accept(listening);
        });
}

void Acceptor::take(const Listening & listening, tcp::socket socket, const tcp::endpoint & from, Worker & worker)
{
    const auto site = site_.load();
    const auto & endpoint = listening.endpoint;
    const auto * const egress = endpoint.role == Role::egress ? site->egress({endpoint.address, endpoint.port}) : nullptr;
    const auto * listener = egress == nullptr ? site->ingress({endpoint.address, endpoint.port}) : nullptr;
    if (egress == nullptr && listener == nullptr)
        listener = site->listener(endpoint.role);
    const auto * const proxy = site->trusted_proxy({endpoint.address, endpoint.port});
    const auto address = address_text(from.address());
    const char * refusal = nullptr;
    auto place = admissions_.admit(address, refusal);
    if (!place || (listener == nullptr && egress == nullptr))
    {
        const auto now = std::chrono::steady_clock::now();
        if (refusal != nullptr && now - last_complaint_ >= between_complaints)
        {
            last_complaint_ = now;
            say(Level::warning, "connections are turned away, the last from " + address + ": gateway." + refusal);
        }
        return;
    }
    ErrorCode error;
    socket.non_blocking(true, error);
    socket.native_non_blocking(true, error);
    tune(socket);
    worker.post(
        [accepted = Accepted{
             std::move(socket), address + ":" + std::to_string(from.port()), std::move(place), Worker::Seat(worker), site,
             listener, proxy, egress, tokens_, plugin_, worker}]() mutable { make_session(std::move(accepted))->start(); });
}

void Acceptor::failed(const std::shared_ptr<Listening> & listening, const ErrorCode & error)
{
    const auto now = std::chrono::steady_clock::now();
    if (now - last_complaint_ >= between_complaints)
    {
        last_complaint_ = now;
        say(Level::error, "cannot accept at " + to_text(listening->endpoint) + ": " + error.message());
    }
    listening->pause.expires_after(pause_after_failure);
    listening->pause.async_wait(
        [this, listening](const ErrorCode & cancelled)
        {
            if (!cancelled && listening->acceptor.is_open())
                accept(listening);
        });
}

Worker & Acceptor::least_loaded() const
{
    return **std::min_element(
        workers_.begin(), workers_.end(), [](const auto & left, const auto & right) { return left->load() < right->load(); });
}

}
