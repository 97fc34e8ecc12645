// Connections that the server itself makes. What they are for: DB::Connection::connect, Fetcher::fetchPart. By which name:
// DB::makeHTTPSession with HTTPClientSession::setHost, which gets the address only; HTTPClientSession::reconnect, where a pooled
// session follows its node to another address. HTTPRequest::write: what is said to an HTTP server is one request.
// The handshake: SecureSocketImpl::connectSSL.
// StreamSocket::connect: what has to be TLS and is not.

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/Net/SecureSocketImpl.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Util/Application.h>

#include <binding/descriptor.h>
#include <binding/ssl_binding.h>

#include "adapter.h"
#include "clickhouse.h"
#include "http_request_guard.h"
#include "keeper.h"
#include "names/connect_report.h"
#include "names/server_dns.h"
#include "outgoing_scope.h"
#include "symbols.h"
#include "tls_socket.h"
#include <binding/outgoing_session.h>

using namespace chmtls::debian;

namespace
{

// Of the HTTP session that this thread is making; null: none.
thread_local const std::string * session_host = nullptr;

void put_tls_on(
    Poco::Net::StreamSocket & socket, const OutgoingPeer & peer, Adapter & adapter, std::chrono::milliseconds handshake_limit)
{
    // The socket's own descriptor goes with the plain socket.
    auto descriptor = chmtls::host::Descriptor::duplicate_of(socket.impl()->sockfd());
    if (!descriptor.valid())
        throw Poco::Net::NetException("clickhouse-mtls: the server has no file descriptor left", errno);
    auto * const context = Poco::Net::SSLManager::instance().defaultClientContext()->sslContext();
    socket = Poco::Net::StreamSocket(new TlsSocket(std::move(descriptor), context, peer, adapter, handshake_limit));
}

/// The server reads its configuration, what from_zk includes with it, before the module is there that TLS needs.
void refuse_plaintext_before_start()
{
    const auto & config = Poco::Util::Application::instance().config();
    if (config.has("mtls") && (Adapter::wants_no_plaintext(config) || has_secure_keepers(config)))
        throw Poco::Net::NetException(
            "clickhouse-mtls: from_zk would be read in plain text, since the server starts with it; where Keeper is to be "
            "reached over TLS, "
            "or mtls.nodes.plaintext is refuse, write the values into the configuration, or take them from a file (incl)");
}

}

void DB::Connection::connect()
{
    const auto connect = original_as<void(Connection *)>(Symbol::native_connect);
    if (Adapter::active() == nullptr)
        return connect(this);
    const NodeScope scope(
        original_as<const std::string &(const Connection *)>(Symbol::native_host)(this), CHMTLS_INTERFACE_NATIVE,
        Origins::instance().of(this));
    connect(this);
}

std::shared_ptr<DB::MergeTreeDataPart> DB::DataPartsExchange::Fetcher::fetchPart(
    const std::string & part_name, const std::string & replica_path, const std::string & host, int port,
    const ConnectionTimeouts & timeouts, const std::string & user, const std::string & password,
    const std::string & interserver_scheme, bool to_detached, const std::string & tmp_prefix)
{
    // The replica's own words in Keeper, on the table's own path.
    const NodeScope scope(host, CHMTLS_INTERFACE_HTTP, NamedBy::configuration());
    return original_as<std::shared_ptr<MergeTreeDataPart>(
        Fetcher *, const std::string &, const std::string &, const std::string &, int, const ConnectionTimeouts &,
        const std::string &, const std::string &, const std::string &, bool, const std::string &)>(Symbol::fetch_part)(
        this, part_name, replica_path, host, port, timeouts, user, password, interserver_scheme, to_detached, tmp_prefix);
}

std::shared_ptr<Poco::Net::HTTPClientSession> DB::makeHTTPSession(const Poco::URI & uri, const ConnectionTimeouts & timeouts)
{
    struct Named
    {
        explicit Named(const std::string & host) { session_host = &host; }
        ~Named() { session_host = nullptr; }
        Named(const Named &) = delete;
        Named & operator=(const Named &) = delete;
    };
    const Named named(uri.getHost());
    return original_as<std::shared_ptr<Poco::Net::HTTPClientSession>(const Poco::URI &, const ConnectionTimeouts &)>(
        Symbol::make_http_session)(uri, timeouts);
}

void Poco::Net::HTTPClientSession::setHost(const std::string & host)
{
    original_as<void(HTTPClientSession *, const std::string &)>(Symbol::http_set_host)(this, host);
    IPAddress address; // no name: nothing for SNI, and the address that is connected to is the same
    if (Adapter::active() != nullptr && session_host != nullptr && dynamic_cast<HTTPSClientSession *>(this) != nullptr
        && !IPAddress::tryParse(*session_host, address))
        SecureStreamSocket(socket()).setPeerHostName(*session_host);
}

void Poco::Net::HTTPRequest::write(std::ostream & stream) const
{
    if (Adapter::active() != nullptr)
        if (const auto defect = defect_of(*this))
            throw InvalidArgumentException("clickhouse-mtls: an HTTP request was not sent: " + *defect);
    original_as<void(const HTTPRequest *, std::ostream &)>(Symbol::http_request_write)(this, stream);
}

void Poco::Net::HTTPClientSession::reconnect()
{
    // The session of a replica fetch is pooled and keeps the address that the node had when it was made.
    const auto * const node = Adapter::active() != nullptr ? NodeScope::current() : nullptr;
    const auto address = node != nullptr ? address_of(node->host()) : std::nullopt;
    if (address && *address != getHost() && !connected())
        original_as<void(HTTPClientSession *, const std::string &)>(Symbol::http_set_host)(this, *address);
    original_as<void(HTTPClientSession *)>(Symbol::http_reconnect)(this);
}

void Poco::Net::StreamSocket::connect(const SocketAddress & address, const Poco::Timespan & timeout)
{
    const auto connect = original_as<void(StreamSocket *, const SocketAddress &, const Poco::Timespan &)>(Symbol::socket_connect);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr && lies_in_program(__builtin_return_address(0)))
        refuse_plaintext_before_start();
    if (adapter == nullptr || impl()->secure())
        return connect(this, address, timeout);

    const auto * const node = NodeScope::current();
    // A query may look into Keeper, and then connect to what its statement names, on one thread.
    const bool by_keeper_client = node == nullptr && lies_in_program(__builtin_return_address(0));
    const auto keeper = by_keeper_client ? secure_keeper_at(address) : std::nullopt;
    if (!keeper && (node == nullptr || !adapter->refuses_plaintext()))
        return connect(this, address, timeout);

    OutgoingPeer peer;
    std::chrono::milliseconds limit = adapter->keeper_handshake_limit();
    if (keeper)
        peer = {*keeper, CHMTLS_PURPOSE_KEEPER, CHMTLS_INTERFACE_NATIVE, NamedBy::configuration(), "Keeper " + *keeper};
    else
    {
        peer = {node->host(), CHMTLS_PURPOSE_NODE, node->interface(), node->named_by(), "node " + node->host()};
        limit = std::chrono::milliseconds(timeout.totalMilliseconds());
    }
    peer.description += " (" + address.toString() + ")";
    report_connect_to(
        address,
        [&]
        {
            connect(this, address, timeout);
            put_tls_on(*this, peer, *adapter, limit);
        });
}

void Poco::Net::SecureSocketImpl::connectSSL(bool handshake_now)
{
    const auto connect = original_as<void(SecureSocketImpl *, bool)>(Symbol::secure_connect);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return connect(this, handshake_now);

    const auto policy = adapter->sockets().policy();
    connect(this, false); // makes the SSL; the handshake waits until all about the peer is on it
    try
    {
        const auto * const node = NodeScope::current();
        auto name = node != nullptr ? node->host() : getPeerHostName();
        if (name.empty())
            name = _pSocket->peerAddress().host().toString();
        if (node != nullptr)
        {
            chmtls::host::SslBinding::set_purpose(_pSSL, CHMTLS_PURPOSE_NODE);
            if (const auto & asker = node->named_by().asker())
                chmtls::host::SslBinding::named_by_statement(_pSSL, *asker);
        }
        SSL_set_verify(
            _pSSL, adapter->verifies(node != nullptr ? Peer::node : Peer::other) ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
        if (adapter->compares_names(node != nullptr ? Peer::node : Peer::other))
            chmtls::host::SslBinding::expect_name(_pSSL, name);
        else
            chmtls::host::SslBinding::send_name(_pSSL, name);
        if (!handshake_now || !_pSocket->getBlocking())
            return;
        completeHandshake();
        const auto interface = node != nullptr ? node->interface() : uint32_t{CHMTLS_INTERFACE_HTTP};
        const auto outcome = watch_outgoing(
            _pSSL, sockfd(), interface, interface == CHMTLS_INTERFACE_NATIVE ? Pooled::yes : Pooled::no, adapter->plugin(),
            adapter->sockets(), policy);
        if (!outcome.ok())
            throw SSLException("clickhouse-mtls: " + outcome.message);
    }
    catch (...)
    {
        const auto refusal = chmtls::host::SslBinding::refusal_of(_pSSL);
        SSL_free(_pSSL); // as the original does when its handshake fails
        _pSSL = nullptr;
        if (!refusal.empty())
            throw SSLException("clickhouse-mtls: " + refusal);
        throw;
    }
}
