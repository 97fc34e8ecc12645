// AcceptedSession on the port of a trusted proxy: the proxy itself, and the client that it speaks for.

#include <algorithm>
#include <array>

#include <sys/socket.h>

#include "accepted_session.h"
#include "log.h"
#include "proxy_header.h"

namespace chmtls::gateway
{
namespace
{

/// Of a connection: what stands before the last colon, whatever the family.
std::string without_port(const std::string & address)
{
    return address.substr(0, address.rfind(':'));
}

}

// Not through the End: what follows the header may be TLS, and stays unread.
void AcceptedSession::read_proxy_header()
{
    for (;;)
    {
        const auto parsed = parse_proxy_header(proxy_bytes_);
        if (parsed.state == ProxyState::refused)
        {
            say_of_strangers(Level::warning, "proxy " + proxy_->name + ": " + address_ + " sent " + std::string(parsed.fault));
            return close();
        }
        if (parsed.state == ProxyState::complete)
        {
            proxy_bytes_.clear();
            if (parsed.header.local) // a check of the port
                return close();
            handed_on_ = parsed.header.certificate;
            set_client_address(parsed.header.address);
            return secure();
        }
        std::array<char, 4096> piece{};
        const auto wanted = std::min(parsed.needs, piece.size());
        const auto got = ::recv(client_->socket().native_handle(), piece.data(), wanted, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return when_ready(Io::wants_read, [this] { read_proxy_header(); });
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return close();
        if (got > 0)
            proxy_bytes_.append(piece.data(), static_cast<size_t>(got));
    }
}

bool AcceptedSession::knows_proxy()
{
    const auto refuse = [&](const std::string & why)
    {
        say_of_strangers(Level::warning, "proxy " + proxy_->name + ": " + peer_address_ + " is not taken for it: " + why);
        return false;
    };
    if (!proxy_->plain_from.empty())
    {
        const auto & from = proxy_->plain_from;
        return std::find(from.begin(), from.end(), without_port(peer_address_)) != from.end()
               || refuse("its address is not in plain_from");
    }
    if (hop_ == nullptr)
        return refuse("it has shown no certificate");
    const auto described = plugin_.identity_describe(hop_->identity);
    if (!described.outcome.ok() || !is_proxy(*proxy_, described.json))
        return refuse("its certificate is another one's");
    hop_token_ = worker_.add(shared_from_this());
    chmtls_session session{};
    session.interface = proxy_->https ? CHMTLS_INTERFACE_HTTP : CHMTLS_INTERFACE_NATIVE;
    session.session_token = hop_token_;
    const auto opened = plugin_.session_opened(hop_->identity, session);
    return opened.ok() || refuse(opened.message);
}

std::string AcceptedSession::take_handed_on(const std::vector<std::string> & chain)
{
    peer_.reset();
    std::vector<chmtls_bytes> der;
    der.reserve(chain.size());
    for (const auto & certificate : chain)
        der.push_back(chmtls::bytes_of(certificate));
    chmtls::Peer peer;
    peer.listener = listener_name(listener_.role);
    peer.chain = der.data();
    peer.chain_len = der.size();
    peer.remote_address = address_;
    auto judged = plugin_.verify_peer(peer);
    if (!judged.outcome.ok())
        return judged.outcome.message.empty() ? "the module refused the certificate" : judged.outcome.message;
    auto identity = std::make_shared<host::PeerIdentity>();
    identity->identity = std::move(judged.identity);
    identity->valid_until = judged.verdict.valid_until;
    identity->generation = judged.verdict.generation;
    peer_ = std::move(identity);
    return {};
}

void AcceptedSession::set_client_address(const std::string & address)
{
    const auto parsed = parse_host_port(address); // with a port, and IPv6 then in brackets; else an address alone
    client_address_ = address.empty() ? without_port(peer_address_) : parsed ? parsed->host : address;
    address_ = proxy_ == nullptr ? peer_address_
                                 : (address.empty() ? "somebody" : address) + " via " + proxy_->name + " " + peer_address_;
}

}
