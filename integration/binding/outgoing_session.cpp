#include <binding/outgoing_session.h>

#include <memory>
#include <new>

#include <binding/ssl_binding.h>

namespace chmtls::debian
{

namespace
{

class WatchedSession
{
public:
    WatchedSession(uint64_t token, chmtls::Plugin & plugin, SessionSockets & sockets)
        : token_(token), plugin_(plugin), sockets_(sockets)
    {
    }

    ~WatchedSession()
    {
        plugin_.session_closed(token_); // from here on nobody asks for this socket
        sockets_.remove(token_);
    }

    WatchedSession(const WatchedSession &) = delete;
    WatchedSession & operator=(const WatchedSession &) = delete;

private:
    const uint64_t token_;
    chmtls::Plugin & plugin_;
    SessionSockets & sockets_;
};

std::unique_ptr<WatchedSession> watched_session(uint64_t token, chmtls::Plugin & plugin, SessionSockets & sockets)
{
    try
    {
        return std::make_unique<WatchedSession>(token, plugin, sockets);
    }
    catch (...)
    {
        sockets.remove(token);
        throw;
    }
}

void free_session(void *, void * session, CRYPTO_EX_DATA *, int, long, void *)
{
    delete static_cast<WatchedSession *>(session);
}

// A duplicate of the SSL is another connection.
int forget_session(CRYPTO_EX_DATA *, const CRYPTO_EX_DATA *, void ** session, int, long, void *)
{
    *session = nullptr;
    return 1;
}

int session_index()
{
    static const int value = SSL_get_ex_new_index(0, nullptr, nullptr, forget_session, free_session);
    return value;
}

}

chmtls::Outcome watch_outgoing(
    SSL * ssl, int descriptor, uint32_t interface, Pooled pooled, chmtls::Plugin & plugin, SessionSockets & sockets,
    uint64_t policy)
{
    const auto peer = host::SslBinding::identity_of(ssl);
    const auto token = peer ? sockets.add(descriptor) : sockets.add_unproven(descriptor, policy);
    if (token == 0)
        return {CHMTLS_REFUSED, "the configuration was changed meanwhile, or there is no file descriptor left to watch it with"};
    auto watched = watched_session(token, plugin, sockets);
    chmtls::Outcome outcome{CHMTLS_OK, {}};
    if (peer)
    {
        chmtls_session session{};
        session.interface = interface;
        session.session_token = token;
        outcome = plugin.session_opened(peer->identity, session);
    }
    if (!outcome.ok())
        return outcome;
    if (SSL_set_ex_data(ssl, session_index(), watched.get()) != 1)
        throw std::bad_alloc();
    static_cast<void>(watched.release()); // owned by the SSL now
    // When the server asks something on it is not seen; but once the pool is replaced, it is freed with what runs on it.
    if (pooled == Pooled::yes)
        plugin.session_busy(token, chmtls::Activity::busy);
    return outcome;
}

}
