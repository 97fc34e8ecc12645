#pragma once

// What all sessions with a client begin with: TLS, under one deadline, and a place in the module's list of live sessions.

#include <memory>
#include <optional>
#include <string>

#include "admissions.h"
#include "end.h"
#include "site.h"
#include "tokens.h"
#include "worker.h"

namespace chmtls::gateway
{

/// An accepted connection, as the accept loop hands it over. What it refers to outlives every session.
struct Accepted
{
    tcp::socket socket;
    std::string address; ///< "192.0.2.1:50000"
    Admissions::Place place;
    Worker::Seat seat;
    std::shared_ptr<const Site> site;
    const Listener * listener;  ///< of the site; null: an egress
    const TrustedProxy * proxy; ///< of the site; null: the port is not one of a trusted proxy
    const Egress * egress;      ///< of the site; null: it is none
    Tokens & tokens;
    chmtls::Plugin & plugin;
    Worker & worker;
};

class AcceptedSession : public Session
{
public:
    explicit AcceptedSession(Accepted accepted);
    ~AcceptedSession() override;
    AcceptedSession(const AcceptedSession &) = delete;
    AcceptedSession & operator=(const AcceptedSession &) = delete;

    void start() final;
    void end(const std::string & reason) final;
    void drain() override { end("the gateway ends"); }
    void settings_changed(const Site & now) final;

protected:
    /// The handshake is done, and, on the port of a trusted proxy, the proxy is known.
    virtual void serve() = 0;
    /// Close everything beside the client's connection.
    virtual void ended() noexcept = 0;

    /// Who the client is; null: it has shown no certificate. Through a trusted proxy: whose certificate was handed on.
    [[nodiscard]] const host::PeerIdentity * peer() const { return peer_.get(); }
    /// Why the client's chain was refused; not empty: nothing but that may be said to it (Role::native).
    [[nodiscard]] const std::string & refusal() const { return refusal_; }
    /// Verifies the chain of a client that is behind the proxy like one of our own handshake: from then on it is the peer. Empty:
    /// it is; else why not, and there is none.
    std::string take_handed_on(const std::vector<std::string> & chain);
    /// Where the client is, behind the proxy: "192.0.2.1:50000" or without a port. Empty: that is not known.
    void set_client_address(const std::string & address);
    /// Of the client, for the server: without a port.
    [[nodiscard]] const std::string & client_address() const { return client_address_; }
    /// Has the session judged again whenever trust changes; without an identity there is nothing to judge. Not ok: a newer
    /// generation does not let it in.
    chmtls::Outcome watch(uint32_t interface, const std::string & user, const std::string & rule);

    /// Calls `next` when the client's socket is ready, unless the session has ended.
    template <class Next>
    void when_ready(Io what, Next next)
    {
        when_ready(*client_, what, std::move(next));
    }
    template <class Next>
    void when_ready(End & end, Io what, Next next)
    {
        end.socket().async_wait(
            what == Io::wants_write ? tcp::socket::wait_write : tcp::socket::wait_read,
            [self = shared_from_this(), this, next](const ErrorCode & error)
            {
                if (!error && !over_)
                    next();
            });
    }
    /// What proves the user to the server: a password of its own, or a token that is made for this login. Nothing: there is no
    /// proof.
    [[nodiscard]] std::optional<std::string> proof_of(const std::string & user) const;
    /// Whether a query runs, for sessions that end with it.
    void tell(chmtls::Activity activity) noexcept;
    /// The login is over: its deadline, too.
    void logged_in();
    [[nodiscard]] bool over() const { return over_; }
    /// Closes the client's connection.
    void close() noexcept;
    /// Words for the client, and the end.
    void say_and_close(std::string words);

    std::unique_ptr<End> client_; ///< null when another object has taken it
    std::string address_;         ///< of the peer, and of the client behind it: for log and audit
    const std::shared_ptr<const Site> site_;
    const Listener & listener_;
    const TrustedProxy * const proxy_; ///< null: the client comes itself
    chmtls::Plugin & plugin_;
    Worker & worker_;
    Tokens & tokens_;

private:
    void read_proxy_header();
    void secure();
    void handshake();
    /// The proxy is who it has to be.
    [[nodiscard]] bool knows_proxy();
    void begin();

    TlsEnd * tls_ = nullptr; // client_, until the handshake is done; null: there is no TLS
    const std::string peer_address_;
    std::string client_address_;
    std::string proxy_bytes_;
    std::string refusal_;
    std::string handed_on_; // DER, from the header of the PROXY protocol
    Admissions::Place place_;
    Worker::Seat seat_;
    asio::steady_timer deadline_;
    std::shared_ptr<const host::PeerIdentity> peer_;
    std::shared_ptr<const host::PeerIdentity> hop_; // the proxy's own
    uint64_t token_ = 0;
    uint64_t hop_token_ = 0; // the module's name for the proxy's part; 0: there is none
    bool begun_ = false;
    bool watched_ = false;
    bool over_ = false;
};

/// Of the listener's role, or an egress.
std::shared_ptr<Session> make_session(Accepted accepted);

}
