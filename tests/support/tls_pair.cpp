#include "support/tls_pair.h"

#include <new>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>

namespace chmtls::test
{
namespace
{

template <class T>
T * or_throw(T * object)
{
    if (object == nullptr)
        throw std::bad_alloc();
    return object;
}

ContextPtr context(const SSL_METHOD * method, int version)
{
    ContextPtr made(or_throw(SSL_CTX_new(method)));
    SSL_CTX_set_min_proto_version(made.get(), version);
    SSL_CTX_set_max_proto_version(made.get(), version);
    return made;
}

void record_alert(int sent, int, int type, const void * bytes, size_t size, SSL *, void * side)
{
    constexpr int fatal = 2;
    const auto * const alert = static_cast<const unsigned char *>(bytes);
    if (sent == 0 && type == SSL3_RT_ALERT && size == 2 && alert[0] == fatal)
        static_cast<Side *>(side)->alert_received = alert[1];
}

std::string drain_errors()
{
    std::string text;
    while (const auto code = ERR_get_error())
    {
        const char * const reason = ERR_reason_error_string(code);
        text += (text.empty() ? "" : "; ") + std::string(reason != nullptr ? reason : "?");
    }
    return text.empty() ? "failed without a reason" : text;
}

bool wants_more(const SSL * ssl, int returned)
{
    const int error = SSL_get_error(ssl, returned);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

}

ContextPtr server_context(int version)
{
    return context(TLS_server_method(), version);
}

ContextPtr client_context(int version)
{
    return context(TLS_client_method(), version);
}

TlsPair::TlsPair(SSL_CTX * server, SSL_CTX * client) : server_(or_throw(SSL_new(server))), client_(or_throw(SSL_new(client)))
{
    BIO * server_end = nullptr;
    BIO * client_end = nullptr;
    if (BIO_new_bio_pair(&server_end, 0, &client_end, 0) != 1)
        throw std::bad_alloc();
    SSL_set_bio(server_.get(), server_end, server_end);
    SSL_set_bio(client_.get(), client_end, client_end);
    SSL_set_accept_state(server_.get());
    SSL_set_connect_state(client_.get());
    SSL_set_msg_callback(server_.get(), record_alert);
    SSL_set_msg_callback_arg(server_.get(), &report_.server);
    SSL_set_msg_callback(client_.get(), record_alert);
    SSL_set_msg_callback_arg(client_.get(), &report_.client);
}

TlsPair::~TlsPair()
{
    // OpenSSL never resumes the session of a connection that was freed without a farewell.
    for (auto * const ssl : {server_.get(), client_.get()})
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

/// True: this side is worth another turn.
bool TlsPair::step(SSL * ssl, Side & side)
{
    if (side.handshake_done || !side.error.empty())
        return false;
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl);
    if (returned == 1)
        side.handshake_done = true;
    else if (!wants_more(ssl, returned))
        side.error = drain_errors();
    return true;
}

const Report & TlsPair::handshake()
{
    // Each turn moves at least one flight or 17 KiB of it; a large chain takes several.
    for (int turn = 0; turn < 64; ++turn)
    {
        const bool client_turned = step(client_.get(), report_.client);
        const bool server_turned = step(server_.get(), report_.server);
        if (!client_turned && !server_turned)
            break;
    }
    return report_;
}

bool TlsPair::transfer(SSL * from, Side & from_side, SSL * to, Side & to_side, const char * text)
{
    const std::string_view sent(text);
    ERR_clear_error();
    if (const int returned = SSL_write(from, sent.data(), static_cast<int>(sent.size())); returned <= 0)
    {
        if (from_side.error.empty())
            from_side.error = drain_errors();
        return false;
    }
    char received[16] = {};
    ERR_clear_error();
    const int returned = SSL_read(to, received, sizeof(received));
    if (returned <= 0)
    {
        if (!wants_more(to, returned) && to_side.error.empty())
            to_side.error = drain_errors();
        return false;
    }
    return std::string_view(received, static_cast<size_t>(returned)) == sent;
}

const Report & TlsPair::run()
{
    handshake();
    auto & server = report_.server;
    auto & client = report_.client;
    if (server.handshake_done && client.handshake_done)
    {
        report_.completed = transfer(client_.get(), client, server_.get(), server, "ping")
                            && transfer(server_.get(), server, client_.get(), client, "pong");
        return report_;
    }
    // One side has given up: let the other one read why.
    char ignored[16];
    ERR_clear_error();
    auto & other = server.error.empty() ? server : client;
    auto * const ssl = server.error.empty() ? server_.get() : client_.get();
    if (const int returned = SSL_read(ssl, ignored, sizeof(ignored));
        returned <= 0 && !wants_more(ssl, returned) && other.error.empty())
        other.error = drain_errors();
    ERR_clear_error();
    return report_;
}

SessionPtr TlsPair::client_session() const
{
    return SessionPtr(SSL_get1_session(client_.get()));
}

}
