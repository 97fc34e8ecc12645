// Connections that were accepted: the listener's policy, our certificate, the authorities we name.

#include <binding/binding_impl.h>
#include <binding/client_hello.h>

#include <algorithm>

namespace chmtls::host
{
namespace
{

int verify_mode(uint32_t client_certificate)
{
    switch (client_certificate)
    {
    case CHMTLS_CLIENT_CERTIFICATE_NONE:
        return SSL_VERIFY_NONE;
    case CHMTLS_CLIENT_CERTIFICATE_OPTIONAL:
        return SSL_VERIFY_PEER;
    default: // REQUIRED, and whatever a newer module may ask for
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
}

Step set_versions(SSL * ssl, const chmtls_listener_policy & policy)
{
    const int lowest = policy.min_tls_version;
    const int highest = std::min<int>(policy.max_tls_version, TLS1_3_VERSION); // a later one is beyond us, not against the policy
    if (lowest < TLS1_VERSION || lowest > highest)
        return Step::refuse;
    if (SSL_set_min_proto_version(ssl, lowest) != 1 || SSL_set_max_proto_version(ssl, highest) != 1)
        return Step::refuse;
    // OpenSSL ignores bounds on a context of one fixed version, and after a HelloRetryRequest, and calls it success.
    if (SSL_get_min_proto_version(ssl) == lowest && SSL_get_max_proto_version(ssl) == highest)
        return Step::proceed;
    const int fixed = SSL_version(ssl);
    return fixed >= lowest && fixed <= highest ? Step::proceed : Step::refuse;
}

void set_resumption(SSL * ssl, const chmtls_listener_policy & policy)
{
    if (policy.session_tickets == 0)
    {
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
        SSL_set_num_tickets(ssl, 0);
        return;
    }
    SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(ssl)));
}

}

Connection * SslBinding::Impl::accepted(const SSL * ssl) const
{
    auto * const connection = Connection::of(ssl);
    return connection != nullptr && connection->binding == this ? connection : nullptr;
}

Step SslBinding::Impl::begin_accepted(SSL * ssl) const
{
    auto & connection = Connection::anew(ssl);
    auto listener = resolver_->listener_of(ssl);
    if (!listener)
    {
        connection.refusal = "no listener is known for the port on which the connection was accepted";
        return Step::refuse;
    }
    connection.listener = std::move(*listener);
    connection.host_tells_refusals = resolver_->tells_refusals(ssl);

    chmtls_listener_policy policy{};
    const auto status = plugin_->listener_policy(connection.listener, policy);
    if (status != CHMTLS_OK)
    {
        connection.refusal = with_status(("the module has no policy for the listener " + connection.listener).c_str(), status);
        return Step::refuse;
    }
    auto server_name = requested_server_name(ssl);
    if (!server_name)
    {
        connection.refusal = "the client's server_name extension is malformed";
        return Step::refuse;
    }
    connection.server_name = std::move(*server_name);
    connection.client_certificate = policy.client_certificate;
    connection.generation = policy.generation;
    connection.resumable = policy.session_tickets != 0;

    SSL_set_verify(ssl, verify_mode(policy.client_certificate), nullptr);
    if (policy.prefer_server_ciphers != 0)
        SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    else
        SSL_clear_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    set_resumption(ssl, policy);
    if (set_versions(ssl, policy) != Step::proceed)
    {
        connection.refusal = "this context cannot speak the TLS versions that the listener " + connection.listener + " asks for";
        return Step::refuse;
    }
    if (SSL_set_session_id_context(ssl, policy.session_id_context, sizeof(policy.session_id_context)) != 1)
    {
        connection.refusal = "the session-id context cannot be set";
        return Step::refuse;
    }
    connection.binding = this;
    return Step::proceed;
}

Step SslBinding::Impl::present_to_client(SSL * ssl)
{
    auto * const connection = accepted(ssl);
    if (connection == nullptr)
        return Step::refuse;
    const auto found = cache_.credential(CHMTLS_PEER_CLIENT, connection->listener, connection->server_name);
    if (found.status != CHMTLS_OK)
    {
        connection->refusal = with_status("there is no certificate to present to this client", found.status);
        return Step::refuse;
    }
    if (present(ssl, *found.value, *connection) != Step::proceed)
        return Step::refuse;
    if (connection->client_certificate == CHMTLS_CLIENT_CERTIFICATE_NONE)
        return Step::proceed;

    const auto names = cache_.authority_names(connection->generation, connection->listener);
    if (names.status != CHMTLS_OK)
    {
        connection->refusal = with_status("the module does not say whose certificates it takes", names.status);
        return Step::refuse;
    }
    auto * const copy = SSL_dup_CA_list(names.value.get()); // X509_NAME has no reference count
    if (copy == nullptr)
    {
        connection->refusal = "out of memory";
        return Step::refuse;
    }
    SSL_set0_CA_list(ssl, copy);
    return Step::proceed;
}

}
