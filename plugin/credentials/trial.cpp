#include "credentials/trial.h"

#include <climits>
#include <new>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "openssl/error_queue.h"

namespace chmtls::credentials
{

namespace
{

using ContextPtr = std::unique_ptr<SSL_CTX, openssl::Freed<SSL_CTX_free>>;
using ConnectionPtr = std::unique_ptr<SSL, openssl::Freed<SSL_free>>;

constexpr int max_flights = 16; ///< of a handshake; a whole one takes four

ContextPtr new_context()
{
    ContextPtr context(SSL_CTX_new(TLS_method()));
    if (!context)
        throw std::bad_alloc();
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    return context;
}

/// Words that OpenSSL does not know are the host's to refuse.
ContextPtr our_context(const std::string & cipher_list)
{
    ContextPtr context = new_context();
    if (!cipher_list.empty())
        static_cast<void>(SSL_CTX_set_cipher_list(context.get(), cipher_list.c_str()));
    openssl::clear_errors();
    return context;
}

/// Of the other side: whatever ours can do, it takes.
ContextPtr tolerant_context()
{
    ContextPtr context = new_context();
    SSL_CTX_set_security_level(context.get(), 0);
    static_cast<void>(SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0"));
    return context;
}

int take_any(int /*verified*/, X509_STORE_CTX * /*context*/)
{
    return 1;
}

/// As the host gives a connection its certificate.
bool show(SSL_CTX * context, const Credential & credential)
{
    const auto key = credential.key.open();
    if (!key)
        return false;
    const openssl::CertificateList above(sk_X509_new_null());
    if (!above)
        throw std::bad_alloc();
    for (size_t i = 1; i < credential.chain.size(); ++i)
        if (sk_X509_push(above.get(), credential.chain[i].x509()) == 0)
            throw std::bad_alloc();
    return SSL_CTX_use_cert_and_key(context, credential.chain.front().x509(), key->get(), above.get(), 1) == 1;
}

/// One side's turn: 1 done, 0 wants the other side, -1 failed.
int step(SSL * connection)
{
    const int result = SSL_do_handshake(connection);
    if (result == 1)
        return 1;
    const int error = SSL_get_error(connection, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool connect_both(SSL_CTX * server_context, SSL_CTX * client_context)
{
    const ConnectionPtr server(SSL_new(server_context));
    const ConnectionPtr client(SSL_new(client_context));
    BIO * server_end = nullptr;
    BIO * client_end = nullptr;
    if (!server || !client || BIO_new_bio_pair(&server_end, 0, &client_end, 0) != 1)
        throw std::bad_alloc();
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    for (int flight = 0; flight < max_flights; ++flight)
    {
        const int of_client = step(client.get());
        const int of_server = of_client < 0 ? -1 : step(server.get());
        if (of_client < 0 || of_server < 0)
            return false;
        if (of_client == 1 && of_server == 1)
            return true;
    }
    return false;
}

/// The newest error's own words; the rest of the queue says where in OpenSSL.
std::string last_words()
{
    const unsigned long error = ERR_peek_last_error();
    const char * const reason = ERR_reason_error_string(error);
    return reason != nullptr ? reason : "the handshake does not end";
}

void set_versions(SSL_CTX * context, const TlsSettings & settings)
{
    // Older ones want a lower security level, which the parser says; a certificate shows its worth with the newer ones.
    if (settings.least_version >= TLS1_2_VERSION)
    {
        static_cast<void>(SSL_CTX_set_min_proto_version(context, settings.least_version));
        static_cast<void>(SSL_CTX_set_max_proto_version(context, settings.greatest_version));
    }
}

}

int security_level(const std::string & cipher_list)
{
    const openssl::ErrorScope errors;
    return SSL_CTX_get_security_level(our_context(cipher_list).get());
}

std::optional<std::string> handshake_defect(const Credential & credential, Side side, const TlsSettings & settings)
{
    const openssl::ErrorScope errors;
    const ContextPtr ours = our_context(settings.cipher_list);
    set_versions(ours.get(), settings);
    const ContextPtr other = tolerant_context();
    if (!show(ours.get(), credential))
        return last_words();
    if (side == Side::server)
    {
        if (!connect_both(ours.get(), other.get()))
            return last_words();
        return std::nullopt;
    }
    // The server of this handshake needs a certificate, and any will do: the one that is tried is at hand.
    if (!show(other.get(), credential))
        return last_words();
    SSL_CTX_set_verify(other.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
    SSL_CTX_set_verify(ours.get(), SSL_VERIFY_NONE, nullptr);
    if (!connect_both(other.get(), ours.get()))
        return last_words();
    return std::nullopt;
}

DhParameters judge_dh_parameters(ByteView pem, const std::string & cipher_list)
{
    const openssl::ErrorScope errors;
    if (pem.size() > INT_MAX)
        return DhParameters::unreadable;
    const openssl::BioPtr input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    openssl::EvpPkeyPtr parameters(input ? PEM_read_bio_Parameters(input.get(), nullptr) : nullptr);
    if (!parameters || (EVP_PKEY_is_a(parameters.get(), "DH") != 1 && EVP_PKEY_is_a(parameters.get(), "DHX") != 1))
        return DhParameters::unreadable;
    const ContextPtr context = our_context(cipher_list);
    if (SSL_CTX_set0_tmp_dh_pkey(context.get(), parameters.get()) != 1)
        return DhParameters::weak;
    static_cast<void>(parameters.release()); // the context's now
    return DhParameters::good;
}

}
