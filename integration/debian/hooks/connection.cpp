// Poco::Net::TCPServerConnection::start: the whole life of a connection, on its thread. HTTPRequest::read: each request of a kept
// connection. TCPServerDispatcher::enqueue: a connection has been accepted, and may have to wait for a thread. TCPServer::start
// and stop: when the server's own reloading and lookups can be used.

#include <algorithm>
#include <typeinfo>

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPServerConnection.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnection.h>
#include <Poco/Net/TCPServerDispatcher.h>

#include "adapter.h"
#include "connection_scope.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// Empty: it is gone already.
std::string address_of_peer(const Poco::Net::StreamSocket & socket)
{
    try
    {
        return socket.peerAddress().host().toString();
    }
    catch (const Poco::Exception &)
    {
        return {};
    }
}

}

void Poco::Net::TCPServerConnection::start()
{
    const auto serve = original_as<void(TCPServerConnection *)>(Symbol::connection_start);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return serve(this);
    const bool http = dynamic_cast<HTTPServerConnection *>(this) != nullptr;
    const ConnectionScope scope(
        socket(), http ? CHMTLS_INTERFACE_HTTP : CHMTLS_INTERFACE_NATIVE, adapter->plugin(), adapter->sockets(),
        adapter->waiting());
    serve(this);
}

void Poco::Net::TCPServerDispatcher::enqueue(const StreamSocket & socket)
{
    if (auto * const adapter = Adapter::active())
    {
        // Poco's 64 places are soon taken by a burst. What waits here is bounded by the unfinished connections.
        auto & own = const_cast<TCPServerParams &>(params());
        own.setMaxQueued(std::max(own.getMaxQueued(), adapter->queue_length()));
        if (adapter->waiting().unfinished.begin(socket.impl()->sockfd(), address_of_peer(socket)) == 0)
            return; // no descriptor is left: the connection is closed
    }
    original_as<void(TCPServerDispatcher *, const StreamSocket &)>(Symbol::tcp_enqueue)(this, socket);
}

void Poco::Net::HTTPRequest::read(std::istream & stream)
{
    original_as<void(HTTPRequest *, std::istream &)>(Symbol::http_request_read)(this, stream);
    // Only what this server was asked: a query may make HTTP requests of its own on the same thread, of another class.
    // Of all that is one, the server makes the first kind; to name it spares the search through its bases.
    if (auto * const scope = ConnectionScope::current();
        scope != nullptr
        && (typeid(*this) == typeid(HTTPServerRequestImpl) || dynamic_cast<HTTPServerRequest *>(this) != nullptr))
        scope->begin_request(*this);
}

void Poco::Net::TCPServer::start()
{
    original_as<void(TCPServer *)>(Symbol::tcp_server_start)(this);
    if (auto * const adapter = Adapter::active())
    {
        adapter->reloader().start();
        adapter->flusher().start();
    }
}

void Poco::Net::TCPServer::stop()
{
    if (auto * const adapter = Adapter::active())
    {
        adapter->flusher().stop();
        adapter->reloader().stop();
    }
    original_as<void(TCPServer *)>(Symbol::tcp_server_stop)(this);
}
