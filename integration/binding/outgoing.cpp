// Connections that we make: no resumption, no anonymous cipher, our certificate when the server asks for one.

#include <binding/binding_impl.h>

#include <openssl/objects.h>

namespace chmtls::host
{
namespace
{

bool is_anonymous(const SSL_CIPHER * cipher)
{
    return SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null;
}

// With an anonymous cipher the server shows no certificate and no verify callback runs. From security level 1 on OpenSSL leaves
// them out by itself. (Pre-shared keys need callbacks, which the binding has removed.)
void drop_anonymous_ciphers(SSL * ssl)
{
    if (SSL_get_security_level(ssl) > 0)
        return;
    std::string kept;
    bool dropped = false;
    const auto * const ciphers = SSL_get_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i)
    {
        const auto * const cipher = sk_SSL_CIPHER_value(ciphers, i);
        if (is_anonymous(cipher))
            dropped = true;
        else if (SSL_CIPHER_get_auth_nid(cipher) != NID_auth_any) // any: TLS 1.3, whose list is another one
            kept.append(SSL_CIPHER_get_name(cipher)).append(":");
    }
    if (dropped)
        SSL_set_cipher_list(ssl, (kept + "@SECLEVEL=0").c_str()); // an empty list is an error later on, which is well
}

}

void SslBinding::Impl::begin_outgoing(SSL * ssl) const
{
    // A resumed connection would not show the server's certificate, so trust that was removed would live on in it.
    SSL_set_session(ssl, nullptr);
    auto & connection = Connection::at(ssl);
    connection.verified.reset();
    connection.refusal.clear();
    drop_anonymous_ciphers(ssl);
}

Step SslBinding::Impl::present_to_server(SSL * ssl)
{
    auto & connection = Connection::at(ssl);
    const auto found = cache_.credential(CHMTLS_PEER_SERVER, {}, {}, connection.purpose, connection.asker);
    if (found.status == CHMTLS_NOT_FOUND)
    {
        SSL_certs_clear(ssl); // none of the host's own either
        return Step::proceed;
    }
    if (found.status != CHMTLS_OK)
    {
        connection.refusal = with_status("the module does not say which certificate to present", found.status);
        return Step::refuse;
    }
    return present(ssl, *found.value, connection);
}

}
