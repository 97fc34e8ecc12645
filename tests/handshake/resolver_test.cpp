#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <binding/ssl_binding.h>

#include "support/tls_pair.h"

namespace chmtls::test
{
namespace
{

class Socket
{
public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    ~Socket()
    {
        if (descriptor_ >= 0)
            ::close(descriptor_);
    }
    Socket(const Socket &) = delete;
    Socket & operator=(const Socket &) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

private:
    int descriptor_;
};

/// A connection over loopback, as accepted by a server on a port of its own.
struct Accepted
{
    explicit Accepted(int family)
        : listening(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), connecting(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_storage address{};
        socklen_t length = 0;
        if (family == AF_INET)
        {
            auto & v4 = reinterpret_cast<sockaddr_in &>(address);
            v4.sin_family = AF_INET;
            v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            length = sizeof(v4);
        }
        else
        {
            auto & v6 = reinterpret_cast<sockaddr_in6 &>(address);
            v6.sin6_family = AF_INET6;
            v6.sin6_addr = in6addr_loopback;
            length = sizeof(v6);
        }
        auto * const generic = reinterpret_cast<sockaddr *>(&address);
        if (::bind(listening.get(), generic, length) != 0 || ::listen(listening.get(), 1) != 0
            || ::getsockname(listening.get(), generic, &length) != 0 || ::connect(connecting.get(), generic, length) != 0)
            return;
        descriptor = ::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC);
        port = ntohs(
            family == AF_INET ? reinterpret_cast<const sockaddr_in &>(address).sin_port
                              : reinterpret_cast<const sockaddr_in6 &>(address).sin6_port);
    }
    ~Accepted()
    {
        if (descriptor >= 0)
            ::close(descriptor);
    }
    Accepted(const Accepted &) = delete;
    Accepted & operator=(const Accepted &) = delete;

    Socket listening;
    Socket connecting;
    int descriptor = -1;
    uint16_t port = 0;
};

SslPtr ssl_on(int descriptor)
{
    static const auto context = server_context(TLS1_3_VERSION);
    SslPtr ssl(SSL_new(context.get()));
    if (descriptor >= 0)
        SSL_set_fd(ssl.get(), descriptor);
    return ssl;
}

TEST(ResolveByLocalPort, FindsTheListenerOfTheAcceptingPort)
{
    for (const int family : {AF_INET, AF_INET6})
    {
        const Accepted accepted(family);
        if (accepted.descriptor < 0 && family == AF_INET6)
            GTEST_SKIP() << "no IPv6 on this machine";
        ASSERT_GE(accepted.descriptor, 0);
        const auto other = static_cast<uint16_t>(accepted.port ^ 1);
        const auto ssl = ssl_on(accepted.descriptor);
        const auto resolver = host::resolve_by_local_port({{other, "https_port"}, {accepted.port, "tcp_port_secure"}});
        EXPECT_EQ(resolver->listener_of(ssl.get()), "tcp_port_secure");
        EXPECT_EQ(host::resolve_by_local_port({{other, "https_port"}})->listener_of(ssl.get()), std::nullopt);
        EXPECT_EQ(host::resolve_by_local_port({})->listener_of(ssl.get()), std::nullopt);
    }
}

TEST(ResolveByLocalPort, FindsNothingWithoutATcpSocket)
{
    const auto resolver = host::resolve_by_local_port({{uint16_t{0}, "zero"}});
    EXPECT_EQ(resolver->listener_of(ssl_on(-1).get()), std::nullopt);
    int pair[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const Socket one(pair[0]);
    const Socket other(pair[1]);
    EXPECT_EQ(resolver->listener_of(ssl_on(one.get()).get()), std::nullopt);
}

}
}
