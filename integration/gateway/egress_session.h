#pragma once

#include "accepted_session.h"
#include "connector.h"
#include "relay.h"

namespace chmtls::gateway
{

/// A connection in plain text from our own server, carried to a node or a Keeper over mutual TLS. The far end has to prove the
/// configured name, and the rules for its kind have to match, before a byte passes.
class EgressSession final : public Session
{
public:
    explicit EgressSession(Accepted accepted);
    ~EgressSession() override;
    EgressSession(const EgressSession &) = delete;
    EgressSession & operator=(const EgressSession &) = delete;

    void start() override;
    void end(const std::string & reason) override;
    void drain() override;
    void host_moved(const std::string & host) override;

private:
    void connected(tcp::socket socket);
    void handshake();
    void pass();
    void fail(const std::string & why);
    void close() noexcept;

    std::unique_ptr<PlainEnd> near_;
    std::unique_ptr<TlsEnd> far_;
    const std::string address_;
    const std::shared_ptr<const Site> site_;
    const Egress & egress_;
    chmtls::Plugin & plugin_;
    Worker & worker_;
    Admissions::Place place_;
    Worker::Seat seat_;
    asio::steady_timer deadline_;
    std::shared_ptr<Connector> connector_;
    std::shared_ptr<Relay> relay_;
    asio::ip::address far_address_;
    std::unique_ptr<tcp::resolver> resolver_; // while the name is looked up again
    uint64_t token_ = 0;
    bool watched_ = false;
    bool over_ = false;
};

}
