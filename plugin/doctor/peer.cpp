#include "doctor/peer.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/descriptor.h"
#include "config/host_name.h"
#include "openssl/error_queue.h"

namespace chmtls::doctor
{

namespace
{

using Deadline = std::chrono::steady_clock::time_point;
using ContextPtr = std::unique_ptr<SSL_CTX, openssl::Freed<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, openssl::Freed<SSL_free>>;
using AddressesPtr = std::unique_ptr<addrinfo, openssl::Freed<freeaddrinfo>>;

bool wait_for(int socket, short events, Deadline deadline)
{
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd one{.fd = socket, .events = events, .revents = 0};
    return left > 0 && ::poll(&one, 1, static_cast<int>(left)) == 1;
}

/// Connected, or why not.
Result<Descriptor> connect_to(const addrinfo & address, Deadline deadline)
{
    Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int error = 0;
    if (!socket.is_open())
        error = errno;
    else if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0)
    {
        error = errno;
        if (error == EINPROGRESS)
        {
            socklen_t size = sizeof(error);
            if (!wait_for(socket.get(), POLLOUT, deadline))
                error = ETIMEDOUT;
            else if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
                error = errno;
        }
    }
    if (error == 0)
        return socket;
    return fail({"", "", std::strerror(error), "", ""}); // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

Result<SslPtr> shake_hands(SSL_CTX & context, const Descriptor & socket, const std::string & host, Deadline deadline)
{
    SslPtr ssl(SSL_new(&context));
    if (!ssl || SSL_set_fd(ssl.get(), socket.get()) != 1)
        return fail({"", "", openssl::drain_errors(), "", ""});
    if (!config::is_address(host))
        SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    for (;;)
    {
        openssl::clear_errors();
        const int done = SSL_connect(ssl.get());
        if (done == 1)
            return ssl;
        const int wants = SSL_get_error(ssl.get(), done);
        if (wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE)
        {
            if (wait_for(socket.get(), wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline))
                continue;
            return fail({"", "", "no answer in time", "", ""});
        }
        if (wants == SSL_ERROR_SYSCALL)
            return fail({"", "", "the connection ended", "", ""});
        return fail({"", "", openssl::drain_errors(), "", ""});
    }
}

/// Leaf first; one that cannot be parsed is the peer's fault.
Result<std::vector<openssl::Certificate>> chain_of(SSL & ssl)
{
    std::vector<openssl::Certificate> chain;
    STACK_OF(X509) * const sent = SSL_get_peer_cert_chain(&ssl); // borrowed
    for (int i = 0; i < sk_X509_num(sent); ++i)
    {
        unsigned char * der = nullptr;
        const int size = i2d_X509(sk_X509_value(sent, i), &der);
        if (size <= 0)
            return fail({"", "", openssl::drain_errors(), "", ""});
        auto one = openssl::Certificate::from_der({der, static_cast<size_t>(size)});
        OPENSSL_free(der);
        if (!one)
            return fail(one.error());
        chain.push_back(std::move(*one));
    }
    return chain;
}

class Examination
{
public:
    Examination(const PeerAddress & peer, const generation::Generation & generation, UnixTime now)
        : peer_(peer), generation_(generation), now_(now)
    {
    }

    Findings run(std::chrono::milliseconds patience)
    {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo * found = nullptr;
        if (const int error = ::getaddrinfo(peer_.host.c_str(), peer_.port.c_str(), &hints, &found); error != 0)
        {
            add("peer_address", State::fail, fmt::format("{}: {}", peer_.host, ::gai_strerror(error)),
                "nothing can connect to a name without an address", "correct the name or the DNS");
            return std::move(findings_);
        }
        const AddressesPtr addresses(found);
        for (const addrinfo * each = addresses.get(); each != nullptr; each = each->ai_next)
            examine(*each, std::chrono::steady_clock::now() + patience);
        return std::move(findings_);
    }

private:
    void add(std::string check, State state, const std::string & seen, std::string why = {}, std::string remedy = {})
    {
        findings_.push_back({std::move(check), state, printable(seen, 4096), std::move(why), std::move(remedy)});
    }

    void examine(const addrinfo & address, Deadline deadline)
    {
        char text[NI_MAXHOST] = {};
        (void)::getnameinfo(address.ai_addr, address.ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
        const std::string where = fmt::format("{} port {}", text, peer_.port);
        const auto socket = connect_to(address, deadline);
        if (!socket)
            return add(
                "peer_connect", State::fail, fmt::format("{}: {}", where, socket.error().reason),
                "nothing listens there, or something on the way drops it",
                "look at listen_host and the port of that server, and at firewalls");
        add("peer_connect", State::ok, where + " accepts connections");
        const openssl::ErrorScope scope;
        const ContextPtr context(SSL_CTX_new(TLS_client_method()));
        if (!context)
            return;
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr); // judged below, by what a node would say
        const auto ssl = shake_hands(*context, *socket, peer_.host, deadline);
        if (!ssl)
            return add(
                "peer_handshake", State::fail, fmt::format("{}: {}", where, ssl.error().reason),
                "it is a port for plain text, asks TLS 1.2 clients for a certificate, or serves no TLS",
                "look at the port's setting there; `clickhouse-mtls doctor` on that node says more");
        add("peer_handshake", State::ok,
            fmt::format("{}: {}, {}", where, SSL_get_version(ssl->get()), SSL_get_cipher_name(ssl->get())));
        judge(**ssl, where);
    }

    void judge(SSL & ssl, const std::string & where)
    {
        const auto chain = chain_of(ssl);
        if (!chain || chain->empty())
            return add(
                "peer_chain", State::fail, fmt::format("{}: {}", where, chain ? "no certificate" : chain.error().reason),
                "nobody can tell who it is", "give that server a certificate that can be parsed");
        if (!generation_.server_trust)
            return add(
                "peer_chain", State::warn, fmt::format("{} shows {}", where, chain->front().facts().subject),
                "openSSL.client here names no authorities, so it is not judged", "set openSSL.client.caConfig");
        const auto verdict = generation_.server_trust->verify(
            {.leaf = chain->front(),
             .intermediates = std::span(*chain).subspan(1),
             .purpose = trust::Purpose::server_auth,
             .depth = generation_.settings.client.verification_depth,
             .at = now_});
        if (!verdict.accepted())
            return add(
                "peer_chain", State::fail,
                fmt::format("{} shows {}: {}: {}", where, chain->front().facts().subject, code(verdict.reason), verdict.message),
                "this node ends such a connection: it does not believe the server",
                "give that server a valid chain, or this node's openSSL.client.caConfig its authority; compare both clocks");
        add("peer_chain", State::ok,
            fmt::format(
                "{} shows {}, valid until {}", where, chain->front().facts().subject, format_rfc3339(verdict.valid_until)));
        if (!trust::proves_name(verdict.path, peer_.host))
            return add(
                "peer_name", State::fail, fmt::format("{}: the certificate does not name {}", where, peer_.host),
                "a connection by that name is refused", "issue it with this name, or connect by a name that it has");
        add("peer_name", State::ok, fmt::format("{}: the certificate names {}", where, peer_.host));
    }

    const PeerAddress & peer_;
    const generation::Generation & generation_;
    UnixTime now_;
    Findings findings_;
};

}

Findings examine_peer(
    const PeerAddress & peer, const generation::Generation & generation, UnixTime now, std::chrono::milliseconds patience)
{
    return Examination(peer, generation, now).run(patience);
}

}
