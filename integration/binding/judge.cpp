// Judging peers: whatever is not a clear yes of the module is a no.

#include <binding/alert.h>
#include <binding/binding_impl.h>
#include <binding/peer_chain.h>
#include <binding/ticket_content.h>

namespace chmtls::host
{

SslBinding::Impl::Judged SslBinding::Impl::judge(const Peer & peer) const
{
    auto result = plugin_->verify_peer(peer);
    Judged judged;
    judged.goes_on = result.outcome.ok() || result.outcome.status == CHMTLS_OBSERVED;
    if (!result.outcome.ok())
    {
        judged.tls_alert = result.outcome.status == CHMTLS_REFUSED ? result.verdict.tls_alert : uint32_t{SSL_AD_INTERNAL_ERROR};
        judged.refusal = result.outcome.message.empty() ? with_status("the module refused the certificate", result.outcome.status)
                                                        : std::move(result.outcome.message);
        return judged;
    }
    auto identity = std::make_shared<PeerIdentity>();
    identity->identity = std::move(result.identity);
    identity->valid_until = result.verdict.valid_until;
    identity->generation = result.verdict.generation;
    judged.identity = std::move(identity);
    return judged;
}

Step SslBinding::Impl::judge_sent_chain(SSL * ssl, X509_STORE_CTX * store) const
{
    const bool accepted_by_us = SSL_is_server(ssl) == 1;
    auto * const connection = accepted_by_us ? accepted(ssl) : &Connection::at(ssl);
    X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    if (connection == nullptr)
        return Step::refuse; // no ClientHello callback of ours has run: not a context of this binding

    DerChain chain;
    const auto * const sent = X509_STORE_CTX_get0_untrusted(store); // leaf first, all of it
    for (int i = 0; i < sk_X509_num(sent); ++i)
    {
        if (!chain.add(sk_X509_value(sent, i)))
        {
            connection->refusal = "a certificate of the peer cannot be encoded";
            return Step::refuse;
        }
    }
    const auto address = remote_address_of(ssl);

    Peer peer;
    peer.peer = accepted_by_us ? CHMTLS_PEER_CLIENT : CHMTLS_PEER_SERVER;
    peer.listener = connection->listener;
    peer.chain = chain.items().data();
    peer.chain_len = chain.items().size();
    peer.remote_address = address;
    peer.expected_name = connection->expected_name;
    peer.purpose = accepted_by_us ? uint32_t{CHMTLS_PURPOSE_GENERAL} : connection->purpose;
    auto judged = judge(peer);
    if (!judged.goes_on)
    {
        connection->refusal = std::move(judged.refusal);
        X509_STORE_CTX_set_error(store, verification_error_for(judged.tls_alert));
        if (!accepted_by_us || !connection->host_tells_refusals || SSL_version(ssl) != TLS1_3_VERSION)
            return Step::refuse;
        SSL_set_num_tickets(ssl, 0);
        return Step::proceed;
    }
    if (accepted_by_us && !chain.items().empty() && chain.items().front().len > max_ticket_leaf)
        SSL_set_num_tickets(ssl, 0);
    connection->verified = std::move(judged.identity);
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return Step::proceed;
}

Step SslBinding::Impl::judge_resumed_session(SSL * ssl, SSL_SESSION * session) const
{
    auto * const connection = accepted(ssl);
    if (connection == nullptr || !connection->resumable)
        return Step::refuse;
    connection->resumed.reset(); // of another ticket in the same ClientHello

    void * data = nullptr;
    size_t size = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1)
        return Step::refuse;
    const auto content = decode({static_cast<const uint8_t *>(data), size});
    if (!content || content->server_name != connection->server_name)
        return Step::refuse;

    const auto * const leaf = SSL_SESSION_get0_peer(session);
    if (leaf == nullptr)
    {
        const bool may_be_without = connection->client_certificate == CHMTLS_CLIENT_CERTIFICATE_NONE
                                    || connection->client_certificate == CHMTLS_CLIENT_CERTIFICATE_OPTIONAL;
        return may_be_without ? Step::proceed : Step::refuse;
    }
    if (connection->client_certificate == CHMTLS_CLIENT_CERTIFICATE_NONE)
        return Step::refuse;

    DerChain chain;
    if (!chain.add(leaf))
        return Step::refuse;
    for (const auto & certificate : content->intermediates)
    {
        if (!chain.add(certificate))
            return Step::refuse;
    }
    const auto address = remote_address_of(ssl);
    Peer peer;
    peer.peer = CHMTLS_PEER_CLIENT;
    peer.listener = connection->listener;
    peer.chain = chain.items().data();
    peer.chain_len = chain.items().size();
    peer.remote_address = address;
    auto judged = judge(peer);
    if (judged.identity == nullptr)
        return Step::refuse; // not the end of the connection: a full handshake follows, with its own judgement
    connection->resumed = std::move(judged.identity);
    return Step::proceed;
}

}
