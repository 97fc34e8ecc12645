#include "end.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <openssl/err.h>

namespace chmtls::gateway
{
namespace
{

constexpr int keepalive_idle = 60;
constexpr int keepalive_interval = 10;
constexpr int keepalive_probes = 6;
constexpr int unacknowledged_ms = (keepalive_idle + keepalive_interval * keepalive_probes) * 1000;

bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

void set_option(int descriptor, int level, int name, int value) noexcept
{
    static_cast<void>(::setsockopt(descriptor, level, name, &value, sizeof(value)));
}

}

void End::abort() noexcept
{
    const linger now{1, 0};
    static_cast<void>(::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
    close();
}

void End::close() noexcept
{
    ErrorCode ignored;
    socket_.close(ignored);
}

Moved PlainEnd::read(std::span<uint8_t> into)
{
    for (;;)
    {
        const auto got = ::recv(socket().native_handle(), into.data(), into.size(), 0);
        if (got > 0)
            return {Io::done, static_cast<size_t>(got)};
        if (got == 0)
            return {Io::ended, 0};
        if (errno != EINTR)
            return {would_block(errno) ? Io::wants_read : Io::failed, 0};
    }
}

Moved PlainEnd::write(std::span<const uint8_t> from)
{
    for (;;)
    {
        const auto sent = ::send(socket().native_handle(), from.data(), from.size(), MSG_NOSIGNAL);
        if (sent >= 0)
            return {Io::done, static_cast<size_t>(sent)};
        if (errno != EINTR)
            return {would_block(errno) ? Io::wants_write : Io::failed, 0};
    }
}

Io PlainEnd::finish()
{
    return ::shutdown(socket().native_handle(), SHUT_WR) == 0 ? Io::done : Io::failed;
}

TlsEnd::TlsEnd(tcp::socket socket, SSL_CTX * context) : End(std::move(socket)), ssl_(SSL_new(context))
{
    if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), End::socket().native_handle()) != 1)
        throw std::bad_alloc();
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_clear_mode(ssl_.get(), SSL_MODE_AUTO_RETRY);
}

Io TlsEnd::handshake()
{
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    return result == 1 ? Io::done : state_after(result);
}

Moved TlsEnd::read(std::span<uint8_t> into)
{
    size_t total = 0;
    while (total < into.size())
    {
        ERR_clear_error();
        size_t got = 0;
        const int result = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &got);
        if (result == 1)
        {
            total += got;
            continue;
        }
        // What was read goes on first; the same state is found again by the next call.
        const auto state = state_after(result);
        return total != 0 ? Moved{Io::done, total} : Moved{state, 0};
    }
    return {Io::done, total};
}

Moved TlsEnd::write(std::span<const uint8_t> from)
{
    ERR_clear_error();
    size_t sent = 0;
    const int result = SSL_write_ex(ssl_.get(), from.data(), from.size(), &sent);
    return result == 1 ? Moved{Io::done, sent} : Moved{state_after(result), 0};
}

Io TlsEnd::finish()
{
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_.get());
    return result >= 0 ? Io::done : state_after(result); // 0: our close_notify is sent, the peer's may come later
}

Io TlsEnd::state_after(int result)
{
    switch (SSL_get_error(ssl_.get(), result))
    {
    case SSL_ERROR_WANT_READ:
        return Io::wants_read;
    case SSL_ERROR_WANT_WRITE:
        return Io::wants_write;
    case SSL_ERROR_ZERO_RETURN:
        return Io::ended;
    default:
        break;
    }
    const auto code = ERR_peek_last_error();
    const char * const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    failure_ = reason == nullptr ? "" : reason;
    return Io::failed;
}

void tune(tcp::socket & socket) noexcept
{
    const int descriptor = socket.native_handle();
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms);
}

std::string address_text(const asio::ip::address & address)
{
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
}

}
