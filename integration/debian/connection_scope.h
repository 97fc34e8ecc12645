#pragma once

// What the adapter knows of the connection that the current thread serves. Poco serves a connection on one thread from its first
// byte to its last, so the scope is thread-local and lives as long as TCPServerConnection::start().

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <openssl/ssl.h>

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <binding/session_sockets.h>
#include <binding/ssl_binding.h>
#include <clickhouse_mtls/plugin.hpp>

#include "behalf/on_behalf.h"
#include "hello.h"
#include "waiting.h"

namespace chmtls::debian
{

/// What a peer offers when it logs in; see chmtls_login.
struct Login
{
    uint32_t interface = 0;
    uint32_t flags = 0;
    std::string user;
    std::string remote_address;
};

/// What the module's answer to a login depends on besides the login and the identity; see chmtls_plugin_api::generation.
struct Moment
{
    uint64_t generation = 0;
    std::chrono::sys_seconds second{};

    static Moment now(const chmtls::Plugin & plugin) noexcept;
    bool operator==(const Moment &) const = default;
};

enum class LoginMeans
{
    certificate, ///< alone, granted by the module
    others,      ///< the server's own login decided
};

/// Not thread-safe: belongs to its thread.
class ConnectionScope
{
public:
    /// `interface` is CHMTLS_INTERFACE_*. What is referred to must outlive the scope.
    ConnectionScope(
        const Poco::Net::StreamSocket & socket, uint32_t interface, chmtls::Plugin & plugin, SessionSockets & sockets,
        Waiting & waiting);
    ~ConnectionScope();
    ConnectionScope(const ConnectionScope &) = delete;
    ConnectionScope & operator=(const ConnectionScope &) = delete;

    /// The connection of this thread, or null.
    static ConnectionScope * current() noexcept;

    /// A handshake has begun on this connection.
    void set_ssl(const SSL * ssl) noexcept
    {
        ssl_ = ssl;
        policy_ = sockets_.policy();
        waiting_.unfinished.advance(waiting_number_);
    }

    /// The user who asks for what this thread does; empty: nobody asked, or it is not known who.
    static std::string asker();

    /// Native: the names that the server will log are yet to come, from this socket.
    bool reads_hello_from(const Poco::Net::SocketImpl * socket) const noexcept
    {
        return hello_ && !hello_->done() && socket_.impl() == socket;
    }
    void read_hello(char * data, size_t size) noexcept { hello_->read(data, size); }

    /// HTTP: each request logs in anew. Throws Poco::Net::MessageException, which Poco answers with status 400, when something of
    /// the header has control characters in it: the server would log it. Remembers what its header and URL offer, and has the
    /// connection watched from the first one on.
    void begin_request(const Poco::Net::HTTPRequest & request);

    /// The login that the server is about to decide, or nothing when this call is not the peer's login: a query of this
    /// connection may log in to other places in the name of a dictionary or a table.
    std::optional<Login> take_login(
        const std::string & user, const std::string & password, const Poco::Net::SocketAddress & from,
        const std::string & quota_key);

    /// That login was granted to `user` by an answer that was asked for at this moment or later. Another one like it is told to
    /// the module as such, or, in the same moment, need not be told.
    void granted(const Login & login, const std::string & user, const Moment & asked);

    /// Whom a login like this one was granted to in the same moment, or null.
    const std::string * granted_before(const Login & login, const Moment & now) const noexcept;

    /// A login is being decided: the former one counts no more.
    void forget_grant() noexcept { granted_.reset(); }

    /// The login that was taken has succeeded; who the session is from now on. On a node's session that is not the one who asks.
    void logged_in(const std::string & user, LoginMeans means);
    const std::string & session_user() const noexcept { return session_user_; }
    bool logged_in_by_certificate() const noexcept { return by_certificate_; }
    const std::string & peer_name() const noexcept { return peer_name_; }
    bool is_native() const noexcept { return interface_ == CHMTLS_INTERFACE_NATIVE; }

    /// Whose the query is that runs, or is about to.
    QueryOwner & owner() noexcept { return owner_; }
    /// A query was granted that this user asked for, as its peer says (empty: nobody): another of the same need not be told.
    void query_granted(const std::string & asker) { last_asker_ = asker; }
    void forget_query() noexcept { last_asker_.reset(); }
    bool ran_before(const std::string & asker) const noexcept { return last_asker_ == asker; }
    /// The server has listed a query of this connection and not forgotten it.
    bool runs_query() const noexcept { return query_ != nullptr; }

    /// Null: no certificate was shown, or the connection has no TLS.
    std::shared_ptr<const host::PeerIdentity> identity() const;

    /// Has the session judged again whenever trust changes. Without identity there is nothing to judge: over TLS it ends when
    /// another policy says who must have one. `user` and `rule` are empty when no certificate login took place. Not ok: a newer
    /// generation or policy does not let it in.
    chmtls::Outcome watch(const std::string & user, const std::string & rule);

    /// Native: from the moment the server lists a query until it forgets it, which is behind the end of the answer. A query may
    /// make others on its thread; the first one counts.
    void query_began(const void * entry) noexcept;
    void query_ended(const void * entry) noexcept;

    /// A TLS connection whose peer has proved nothing so far.
    bool is_stranger() const noexcept;

    /// HTTP: nothing of the former request is left to be written.
    void request_ended() noexcept;

    /// Ends the connection; its thread finds the socket shut down.
    void shut_down() noexcept;

private:
    struct Granted
    {
        Login login;
        std::string user;
        Moment asked;

        bool is_like(uint32_t flags, const std::string & asked_user) const noexcept
        {
            return login.flags == flags && login.user == asked_user;
        }
    };

    struct Watched
    {
        std::string user;
        std::string rule;
    };

    void tell(chmtls::Activity activity) noexcept;
    void refuse_unprintable();
    bool needs_no_login() const;
    int descriptor() const noexcept { return socket_.impl()->sockfd(); }

    Poco::Net::StreamSocket socket_; // keeps the SSL alive
    Poco::Net::SocketAddress peer_address_;
    std::string peer_name_;
    uint32_t interface_;
    chmtls::Plugin & plugin_;
    SessionSockets & sockets_;
    Waiting & waiting_;
    uint64_t waiting_number_; // 0: not waiting
    const SSL * ssl_ = nullptr;
    uint64_t policy_ = 0;            // when its handshake began
    const void * query_ = nullptr;   // native: the entry of the query that runs
    uint64_t token_ = 0;             // 0: not watched
    std::optional<Granted> granted_; // the last login of all, when it was granted
    std::optional<Watched> watched_; // the last that the module took
    std::string asker_;              // since the last login that succeeded; empty: a node's
    std::string session_user_;       // likewise
    bool by_certificate_ = false;
    QueryOwner owner_;
    std::optional<std::string> last_asker_; // of the last query that was granted, as its peer said
    std::optional<HelloReader> hello_;      // native
    bool has_logged_in_ = false;
    bool served_a_request_ = false; // HTTP
    uint16_t local_port_ = 0;
    std::optional<uint32_t> next_login_; // flags that are known before the server's login; empty: no login is due
};

}
