#pragma once

#include <string>

#include <binding/connection.h>
#include <binding/credential_cache.h>
#include <binding/openssl_pointers.h>
#include <binding/ssl_binding.h>

namespace chmtls::host
{

/// Answer of a step of the handshake.
enum class Step
{
    proceed,
    refuse, ///< the connection's refusal says why
};

/// What the callbacks of ssl_binding.cpp call. One per binding, used by all its connections at once; nothing here changes after
/// construction but the cache. Methods may throw: the callbacks catch.
class SslBinding::Impl
{
public:
    Impl(std::shared_ptr<Plugin> plugin, std::unique_ptr<ListenerResolver> resolver);

    // accepted.cpp: connections to our listeners

    /// A ClientHello has come: find the listener and apply its policy.
    Step begin_accepted(SSL * ssl) const;
    /// A full handshake: present key and chain, and say whose certificates we take.
    Step present_to_client(SSL * ssl);

    // outgoing.cpp: connections of ours

    /// Before the ClientHello is made: nothing of a former connection may stand in for this handshake.
    void begin_outgoing(SSL * ssl) const;
    /// The server asks for our certificate.
    Step present_to_server(SSL * ssl);

    // judge.cpp

    /// The peer has sent its chain (of the SSL, in `store`): sets the store's error.
    Step judge_sent_chain(SSL * ssl, X509_STORE_CTX * store) const;
    /// May this session, found in a ticket, stand for a full handshake?
    Step judge_resumed_session(SSL * ssl, SSL_SESSION * session) const;

    // tickets.cpp

    /// Writes the peer's chain into the session that is about to become a ticket.
    Step fill_ticket(SSL * ssl) const;
    /// Return values as OpenSSL wants them of a ticket key callback.
    int encrypt_ticket(SSL * ssl, unsigned char * name, unsigned char * iv, EVP_CIPHER_CTX * cipher, EVP_MAC_CTX * mac) const;
    int decrypt_ticket(
        SSL * ssl, const unsigned char * name, const unsigned char * iv, EVP_CIPHER_CTX * cipher, EVP_MAC_CTX * mac) const;

    /// The connection, if this binding took it over when it was accepted.
    Connection * accepted(const SSL * ssl) const;

private:
    Step present(SSL * ssl, const Credential & credential, Connection & connection) const;

    struct Judged
    {
        bool goes_on = false;                         ///< the connection does, with the identity, or observed without one
        std::shared_ptr<const PeerIdentity> identity; ///< null: refused, or observed only
        std::string refusal;
        uint32_t tls_alert = 0;
    };
    Judged judge(const Peer & peer) const;

    const std::shared_ptr<Plugin> plugin_;
    const std::unique_ptr<ListenerResolver> resolver_;
    const CipherPtr ticket_cipher_; // fetched once: a fetch per ticket takes OpenSSL's global locks
    CredentialCache cache_;

    friend class SslBinding;
};

/// "…: status 7": for refusals where the module gave no text.
std::string with_status(const char * what, chmtls_status status);

}
