#include <binding/ssl_binding.h>

#include <stdexcept>

#include <arpa/inet.h>

#include <openssl/err.h>

#include <binding/binding_impl.h>

namespace chmtls::host
{
namespace
{

using Impl = SslBinding::Impl;

/// What a context needs besides its callbacks' argument.
struct ContextState
{
    Impl * binding = nullptr;
    void (*info)(const SSL *, int, int) = nullptr; ///< the host's own callback, called after ours
};

void free_context_state(void *, void * state, CRYPTO_EX_DATA *, int, long, void *)
{
    delete static_cast<ContextState *>(state);
}

int context_index()
{
    static const int value = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_context_state);
    return value;
}

ContextState * state_of(const SSL * ssl)
{
    return static_cast<ContextState *>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index()));
}

// Every callback below is an edge: an exception, that is want of memory, is a refusal.

int on_client_hello(SSL * ssl, int * alert, void * binding)
{
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    try
    {
        return static_cast<const Impl *>(binding)->begin_accepted(ssl) == Step::proceed ? SSL_CLIENT_HELLO_SUCCESS
                                                                                        : SSL_CLIENT_HELLO_ERROR;
    }
    catch (...)
    {
        return SSL_CLIENT_HELLO_ERROR;
    }
}

int on_certificate_wanted(SSL * ssl, void * binding)
{
    constexpr int success = 1;
    constexpr int fatal = 0;
    try
    {
        auto & impl = *static_cast<Impl *>(binding);
        const auto step = SSL_is_server(ssl) == 1 ? impl.present_to_client(ssl) : impl.present_to_server(ssl);
        return step == Step::proceed ? success : fatal;
    }
    catch (...)
    {
        return fatal;
    }
}

int on_verify(X509_STORE_CTX * store, void * binding)
{
    constexpr int accepted = 1;
    constexpr int refused = 0;
    auto * const ssl = static_cast<SSL *>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    try
    {
        if (ssl != nullptr && static_cast<const Impl *>(binding)->judge_sent_chain(ssl, store) == Step::proceed)
            return accepted;
    }
    catch (...)
    {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
    }
    return refused;
}

int on_ticket_key(SSL * ssl, unsigned char * name, unsigned char * iv, EVP_CIPHER_CTX * cipher, EVP_MAC_CTX * mac, int encrypting)
{
    const auto * const state = state_of(ssl);
    if (state == nullptr)
        return -1;
    return encrypting == 1 ? state->binding->encrypt_ticket(ssl, name, iv, cipher, mac)
                           : state->binding->decrypt_ticket(ssl, name, iv, cipher, mac);
}

int on_ticket_made(SSL * ssl, void * binding)
{
    try
    {
        return static_cast<const Impl *>(binding)->fill_ticket(ssl) == Step::proceed ? 1 : 0;
    }
    catch (...)
    {
        return 0;
    }
}

SSL_TICKET_RETURN
on_ticket_opened(SSL * ssl, SSL_SESSION * session, const unsigned char *, size_t, SSL_TICKET_STATUS status, void * binding)
{
    // Whatever is not taken leads to a full handshake and a fresh ticket.
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    try
    {
        if (static_cast<const Impl *>(binding)->judge_resumed_session(ssl, session) == Step::proceed)
            return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
    }
    catch (...)
    {
        return SSL_TICKET_RETURN_ABORT;
    }
    return SSL_TICKET_RETURN_IGNORE_RENEW;
}

void on_info(const SSL * ssl, int where, int value)
{
    const auto * const state = state_of(ssl);
    if (state == nullptr)
        return;
    if (where == SSL_CB_HANDSHAKE_START && SSL_is_server(ssl) == 0 && SSL_in_before(ssl) == 1)
    {
        try
        {
            state->binding->begin_outgoing(const_cast<SSL *>(ssl)); // OpenSSL's own object, const in this signature only
        }
        catch (...)
        {
            SSL_set_security_level(const_cast<SSL *>(ssl), 1); // no memory to sort out anonymous ciphers: OpenSSL does it then
        }
    }
    if (state->info != nullptr)
        state->info(ssl, where, value);
}

void attach(SSL_CTX * context, Impl * binding)
{
    auto state = std::make_unique<ContextState>();
    state->binding = binding;
    if (auto * const former = static_cast<ContextState *>(SSL_CTX_get_ex_data(context, context_index())))
    {
        former->binding = binding; // attached as server and as client
    }
    else
    {
        state->info = SSL_CTX_get_info_callback(context);
        if (SSL_CTX_set_ex_data(context, context_index(), state.get()) != 1)
            throw std::bad_alloc();
        static_cast<void>(state.release()); // owned by the context now
        SSL_CTX_set_info_callback(context, on_info);
    }
    SSL_CTX_set_cert_cb(context, on_certificate_wanted, binding);
    SSL_CTX_set_cert_verify_callback(context, on_verify, binding);

    // Nothing but our tickets may stand in for a judged certificate.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_get_cb(context, nullptr);
    SSL_CTX_flush_sessions(context, 0);
    SSL_CTX_set_psk_find_session_callback(context, nullptr);
    SSL_CTX_set_psk_use_session_callback(context, nullptr);
#ifndef OPENSSL_NO_PSK
    SSL_CTX_set_psk_server_callback(context, nullptr);
    SSL_CTX_set_psk_client_callback(context, nullptr);
#endif
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_recv_max_early_data(context, 0);
    SSL_CTX_clear_options(context, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

/// Neither an IPv4 nor an IPv6 address: only host names go into SNI (RFC 6066 3).
bool is_host_name(const std::string & name)
{
    in_addr v4{};
    return !name.empty() && name.find(':') == std::string::npos && ::inet_pton(AF_INET, name.c_str(), &v4) != 1;
}

}

std::string with_status(const char * what, chmtls_status status)
{
    return std::string(what) + " (status " + std::to_string(status) + ")";
}

SslBinding::Impl::Impl(std::shared_ptr<Plugin> plugin, std::unique_ptr<ListenerResolver> resolver)
    : plugin_(std::move(plugin)), resolver_(std::move(resolver)),
      ticket_cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)), cache_(plugin_)
{
    if (plugin_ == nullptr || resolver_ == nullptr)
        throw std::invalid_argument("a binding needs a plugin and a resolver of listeners");
    if (ticket_cipher_ == nullptr)
        throw std::runtime_error("OpenSSL offers no AES-256-CBC");
}

Step SslBinding::Impl::present(SSL * ssl, const Credential & credential, Connection & connection) const
{
    SSL_certs_clear(ssl); // the host's own certificate, of another key type, would stay beside ours
    if (SSL_use_cert_and_key(ssl, credential.leaf.get(), credential.key.get(), credential.chain.get(), 1) == 1)
        return Step::proceed;
    const char * const reason = ERR_reason_error_string(ERR_peek_last_error());
    connection.refusal
        = std::string("OpenSSL does not take our certificate: ") + (reason != nullptr ? reason : "no reason given");
    return Step::refuse;
}

SslBinding::SslBinding(std::shared_ptr<chmtls::Plugin> plugin, std::unique_ptr<ListenerResolver> resolver)
    : impl_(std::make_unique<Impl>(std::move(plugin), std::move(resolver)))
{
}

SslBinding::~SslBinding() = default;

void SslBinding::attach_server(SSL_CTX * context)
{
    attach(context, impl_.get());
    SSL_CTX_set_client_hello_cb(context, on_client_hello, impl_.get());
    SSL_CTX_set_tlsext_servername_callback(context, nullptr); // it could switch the connection to an unbound context
    // The ClientHello callback sets each connection's own mode; until then, and if it never ran, the strictest holds.
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket_key) != 1
        || SSL_CTX_set_session_ticket_cb(context, on_ticket_made, on_ticket_opened, impl_.get()) != 1)
        throw std::runtime_error("OpenSSL does not take the callbacks for session tickets");
}

void SslBinding::attach_client(SSL_CTX * context)
{
    attach(context, impl_.get());
    SSL_CTX_set_client_cert_cb(context, nullptr);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

void SslBinding::expect_name(SSL * ssl, const std::string & name)
{
    auto & connection = Connection::at(ssl);
    const bool bracketed = name.size() > 2 && name.front() == '[' && name.back() == ']';
    connection.expected_name = bracketed ? name.substr(1, name.size() - 2) : name;
    send_name(ssl, connection.expected_name);
}

void SslBinding::send_name(SSL * ssl, const std::string & name)
{
    if (!is_host_name(name))
        return;
    auto sent = name;
    if (sent.back() == '.')
        sent.pop_back(); // RFC 6066 3: without the trailing dot
    // A name too long for the extension is not sent; no certificate can carry it, so the server is refused.
    ERR_set_mark();
    SSL_set_tlsext_host_name(ssl, sent.c_str());
    ERR_pop_to_mark();
}

void SslBinding::set_purpose(SSL * ssl, uint32_t purpose)
{
    Connection::at(ssl).purpose = purpose;
    if (purpose == CHMTLS_PURPOSE_KEEPER)
        SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr); // also where the host goes on with servers that do not verify
}

void SslBinding::named_by_statement(SSL * ssl, std::string asker)
{
    Connection::at(ssl).asker = std::move(asker);
}

std::shared_ptr<const PeerIdentity> SslBinding::identity_of(const SSL * ssl)
{
    const auto * const connection = Connection::of(ssl);
    // Before the end of the handshake the peer has shown a chain, but not that it holds the key.
    if (connection == nullptr || SSL_is_init_finished(ssl) != 1)
        return nullptr;
    if (SSL_session_reused(ssl) == 1)
        return SSL_is_server(ssl) == 1 ? connection->resumed : nullptr;
    return connection->verified;
}

std::string SslBinding::refusal_of(const SSL * ssl)
{
    const auto * const connection = Connection::of(ssl);
    return connection == nullptr ? std::string() : connection->refusal;
}

std::string SslBinding::listener_of(const SSL * ssl)
{
    const auto * const connection = Connection::of(ssl);
    return connection == nullptr ? std::string() : connection->listener;
}

}
