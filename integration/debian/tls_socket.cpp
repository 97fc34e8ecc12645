#include "tls_socket.h"

#include <algorithm>

#include <openssl/err.h>
#include <poll.h>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>

#include <binding/ssl_binding.h>

#include <binding/outgoing_session.h>

namespace chmtls::debian
{

namespace
{

using Clock = std::chrono::steady_clock;

enum class During
{
    handshake,
    connection, ///< the peer has shown that it speaks TLS
};

/// The calling thread's oldest error, in words; the rest is dropped.
std::string take_openssl_error(During during)
{
    const auto code = ERR_get_error();
    ERR_clear_error();
    if (code == 0)
        return "the connection was ended";
    const char * const reason = ERR_reason_error_string(code);
    std::string text = reason != nullptr ? reason : "error " + std::to_string(code);
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return text;
    // Alerts that the peer sent have numbers of their own.
    if (ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET)
        return "it ended the connection with an alert (" + text + "): it does not accept us or our certificate";
    const bool no_tls
        = ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    return no_tls && during == During::handshake ? text + " (does this port speak TLS?)" : text;
}

Clock::time_point deadline_after(const Poco::Timespan & timeout)
{
    // No timeout: as long as it takes.
    return timeout.totalMicroseconds() <= 0 ? Clock::time_point::max()
                                            : Clock::now() + std::chrono::microseconds(timeout.totalMicroseconds());
}

/// False: not ready by the deadline.
bool wait_for(int descriptor, short events, Clock::time_point deadline)
{
    while (true)
    {
        int limit = -1;
        if (deadline != Clock::time_point::max())
        {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
            if (left <= 0)
                return false;
            limit = static_cast<int>(std::min<decltype(left)>(left, 60'000));
        }
        pollfd wanted{descriptor, events, 0};
        const int ready = ::poll(&wanted, 1, limit);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            throw Poco::Net::NetException("clickhouse-mtls: poll failed", errno);
    }
}

}

TlsSocket::TlsSocket(
    host::Descriptor descriptor, SSL_CTX * context, const OutgoingPeer & peer, Adapter & adapter, std::chrono::milliseconds limit)
    : StreamSocketImpl(descriptor.release()), description_(peer.description), ssl_(SSL_new(context))
{
    const auto deadline = Clock::now() + limit;
    setBlocking(false);
    if (!ssl_ || SSL_set_fd(ssl_.get(), sockfd()) != 1)
        throw Poco::Net::SSLException("clickhouse-mtls: " + description_ + ": " + take_openssl_error(During::handshake));
    SSL_set_connect_state(ssl_.get());
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const auto policy = adapter.sockets().policy();
    handshake(peer, deadline);
    established_ = true;
    const bool pooled = peer.purpose == CHMTLS_PURPOSE_NODE && peer.interface == CHMTLS_INTERFACE_NATIVE;
    const auto outcome = watch_outgoing(
        ssl_.get(), sockfd(), peer.interface, pooled ? Pooled::yes : Pooled::no, adapter.plugin(), adapter.sockets(), policy);
    if (!outcome.ok())
        throw Poco::Net::SSLException("clickhouse-mtls: " + description_ + " was refused: " + outcome.message);
}

TlsSocket::~TlsSocket()
{
    say_goodbye();
}

void TlsSocket::handshake(const OutgoingPeer & peer, Deadline deadline)
{
    host::SslBinding::set_purpose(ssl_.get(), peer.purpose);
    if (const auto & asker = peer.named_by.asker())
        host::SslBinding::named_by_statement(ssl_.get(), *asker);
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr); // whatever openSSL.client.verificationMode says
    host::SslBinding::expect_name(ssl_.get(), peer.host);
    try
    {
        if (perform([this] { return SSL_do_handshake(ssl_.get()); }, deadline) > 0)
            return;
    }
    catch (const Poco::TimeoutException &)
    {
        throw Poco::TimeoutException("clickhouse-mtls: " + description_ + ": the TLS handshake was not finished in time");
    }
    catch (const Poco::Net::SSLException &)
    {
        const auto refusal = host::SslBinding::refusal_of(ssl_.get());
        if (refusal.empty())
            throw;
        throw Poco::Net::SSLException("clickhouse-mtls: " + description_ + " was refused: " + refusal);
    }
    throw Poco::Net::SSLException("clickhouse-mtls: " + description_ + ": the connection was ended in the TLS handshake");
}

// Returns what the operation returned, or 0 when the peer has properly said goodbye.
template <class Operation>
int TlsSocket::perform(Operation && operation, Deadline deadline)
{
    while (true)
    {
        short events = 0;
        {
            const std::lock_guard lock(mutex_);
            if (!ssl_)
                throw Poco::Net::NetException("clickhouse-mtls: " + description_ + ": the connection is closed");
            ERR_clear_error();
            const int result = operation();
            if (result > 0)
                return result;
            switch (SSL_get_error(ssl_.get(), result))
            {
            case SSL_ERROR_WANT_READ:
                events = POLLIN;
                break;
            case SSL_ERROR_WANT_WRITE:
                events = POLLOUT;
                break;
            case SSL_ERROR_ZERO_RETURN:
                return 0;
            default:
                const auto during
                    = established_ ? During::connection : During::handshake; // OpenSSL's own state is lost in an error
                throw Poco::Net::SSLException("clickhouse-mtls: " + description_ + ": " + take_openssl_error(during));
            }
        }
        if (!wait_for(sockfd(), events, deadline))
            throw Poco::TimeoutException("clickhouse-mtls: " + description_);
    }
}

int TlsSocket::sendBytes(const void * buffer, int length, int /*flags*/)
{
    const auto * at = static_cast<const char *>(buffer);
    const auto deadline = deadline_after(getSendTimeout());
    int sent = 0;
    while (sent < length) // like a blocking socket: all of it, or an exception
    {
        const int written = perform([&] { return SSL_write(ssl_.get(), at + sent, length - sent); }, deadline);
        if (written == 0)
            throw Poco::Net::SSLException("clickhouse-mtls: " + description_ + ": the connection was ended");
        sent += written;
    }
    return sent;
}

int TlsSocket::receiveBytes(void * buffer, int length, int /*flags*/)
{
    return perform([&] { return SSL_read(ssl_.get(), buffer, length); }, deadline_after(getReceiveTimeout()));
}

int TlsSocket::available()
{
    const std::lock_guard lock(mutex_);
    return ssl_ ? SSL_pending(ssl_.get()) : 0;
}

bool TlsSocket::poll(const Poco::Timespan & timeout, int mode)
{
    if ((mode & SELECT_READ) != 0 && available() > 0)
        return true;
    return StreamSocketImpl::poll(timeout, mode);
}

void TlsSocket::shutdownSend()
{
    say_goodbye();
    StreamSocketImpl::shutdownSend();
}

void TlsSocket::shutdown()
{
    say_goodbye();
    StreamSocketImpl::shutdown();
}

// The descriptor may be another connection's at once.
void TlsSocket::close()
{
    say_goodbye();
    {
        const std::lock_guard lock(mutex_);
        ssl_.reset();
    }
    StreamSocketImpl::close();
}

void TlsSocket::say_goodbye() noexcept
{
    const std::lock_guard lock(mutex_);
    if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1)
        SSL_shutdown(ssl_.get()); // as much as the socket takes now: nobody waits for it
    ERR_clear_error();
}

}
