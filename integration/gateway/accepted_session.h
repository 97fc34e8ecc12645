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
    const Listener * listener; ///< of the site; null: an egress
    const Egress * egress;     ///< likewise
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

protected:
    /// The handshake is done.
    virtual void serve() = 0;
    /// Close everything beside the client's connection.
    virtual void ended() noexcept = 0;

    [[nodiscard]] const host::PeerIdentity * peer() const { return peer_.get(); }
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

    std::unique_ptr<TlsEnd> client_; ///< null when another object has taken it
    const std::string address_;
    const std::shared_ptr<const Site> site_;
    const Listener & listener_;
    chmtls::Plugin & plugin_;
    Worker & worker_;
    Tokens & tokens_;

private:
    void handshake();

    Admissions::Place place_;
    Worker::Seat seat_;
    asio::steady_timer deadline_;
    std::shared_ptr<const host::PeerIdentity> peer_;
    uint64_t token_ = 0;
    bool watched_ = false;
    bool over_ = false;
};

/// Of the listener's role, or an egress.
std::shared_ptr<Session> make_session(Accepted accepted);

}
