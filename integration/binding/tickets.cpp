// Session tickets (RFC 5077, RFC 8446 4.6.1). OpenSSL resumes a session without showing the peer's certificate to anybody; here
// the chain travels in the ticket and is judged again. The keys are the module's and change with every generation.

#include <binding/binding_impl.h>
#include <binding/peer_chain.h>
#include <binding/ticket_content.h>

#include <algorithm>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace chmtls::host
{
namespace
{

constexpr size_t name_size = sizeof(chmtls_ticket_key::name);
constexpr int iv_size = 16;

/// A key that is wiped when it goes out of scope.
struct TicketKey : chmtls_ticket_key
{
    // cppcheck-suppress uninitDerivedMemberVar
    TicketKey() : chmtls_ticket_key{} {}
    TicketKey(const TicketKey &) = delete;
    TicketKey & operator=(const TicketKey &) = delete;
    ~TicketKey() { OPENSSL_cleanse(static_cast<chmtls_ticket_key *>(this), sizeof(chmtls_ticket_key)); }
};

bool set_mac_key(EVP_MAC_CTX * mac, TicketKey & key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[]
        = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.hmac_key, sizeof(key.hmac_key)),
           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// Of a ticket key callback, see SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
constexpr int ticket_error = -1;
constexpr int ticket_unknown_key = 0;
constexpr int ticket_ok = 1;
constexpr int ticket_ok_renew = 2;

}

Step SslBinding::Impl::fill_ticket(SSL * ssl) const
{
    const auto * const connection = accepted(ssl);
    auto * const session = SSL_get_session(ssl);
    if (connection == nullptr || session == nullptr)
        return Step::refuse;
    void * present = nullptr;
    size_t size = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &present, &size) == 1 && size != 0)
        return Step::proceed; // a resumed session, or a further ticket of this one

    DerChain chain;
    const auto * const sent = SSL_get_peer_cert_chain(ssl); // on a server: without the leaf, which OpenSSL keeps in the session
    for (int i = 0; i < sk_X509_num(sent); ++i)
    {
        if (!chain.add(sk_X509_value(sent, i)))
            return Step::refuse;
    }
    const auto encoded = encode({connection->server_name, chain.items()});
    if (!encoded)
        return Step::proceed; // a ticket without content is refused when it comes back
    return SSL_SESSION_set1_ticket_appdata(session, encoded->data(), encoded->size()) == 1 ? Step::proceed : Step::refuse;
}

int SslBinding::Impl::encrypt_ticket(
    SSL * ssl, unsigned char * name, unsigned char * iv, EVP_CIPHER_CTX * cipher, EVP_MAC_CTX * mac) const
{
    const auto * const connection = accepted(ssl);
    if (connection == nullptr || !connection->resumable)
        return ticket_error;
    TicketKey key;
    if (plugin_->ticket_key({nullptr, 0}, key) != CHMTLS_OK)
        return ticket_error;
    if (RAND_bytes(iv, iv_size) != 1 || EVP_EncryptInit_ex2(cipher, ticket_cipher_.get(), key.aes_key, iv, nullptr) != 1
        || !set_mac_key(mac, key))
        return ticket_error;
    std::copy_n(key.name, name_size, name);
    return ticket_ok;
}

int SslBinding::Impl::decrypt_ticket(
    SSL * ssl, const unsigned char * name, const unsigned char * iv, EVP_CIPHER_CTX * cipher, EVP_MAC_CTX * mac) const
{
    const auto * const connection = accepted(ssl);
    if (connection == nullptr || !connection->resumable)
        return ticket_unknown_key;
    TicketKey key;
    if (plugin_->ticket_key({name, name_size}, key) != CHMTLS_OK)
        return ticket_unknown_key;
    if (EVP_DecryptInit_ex2(cipher, ticket_cipher_.get(), key.aes_key, iv, nullptr) != 1 || !set_mac_key(mac, key))
        return ticket_error;
    return key.renew == 0 ? ticket_ok : ticket_ok_renew;
}

}
