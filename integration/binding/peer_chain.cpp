#include <binding/peer_chain.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chmtls::host
{

bool DerChain::add(const X509 * certificate) noexcept
{
    try
    {
        const int size = i2d_X509(certificate, nullptr);
        if (size <= 0)
            return false;
        const auto offset = bytes_.size();
        bytes_.resize(offset + static_cast<size_t>(size));
        auto * at = bytes_.data() + offset;
        if (i2d_X509(certificate, &at) != size)
            return false;
        ranges_.emplace_back(offset, static_cast<size_t>(size));
        return true;
    }
    catch (...)
    {
        return false;
    }
}

bool DerChain::add(chmtls_bytes der) noexcept
{
    try
    {
        const auto offset = bytes_.size();
        bytes_.insert(bytes_.end(), der.data, der.data + der.len);
        ranges_.emplace_back(offset, der.len);
        return true;
    }
    catch (...)
    {
        return false;
    }
}

const std::vector<chmtls_bytes> & DerChain::items()
{
    items_.clear();
    items_.reserve(ranges_.size());
    for (const auto & [offset, size] : ranges_)
        items_.push_back({bytes_.data() + offset, size});
    return items_;
}

std::string remote_address_of(const SSL * ssl)
{
    const int descriptor = SSL_get_fd(ssl);
    if (descriptor < 0)
        return {};
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    if (::getpeername(descriptor, reinterpret_cast<sockaddr *>(&address), &length) != 0)
        return {};
    char text[INET6_ADDRSTRLEN] = {};
    if (address.ss_family == AF_INET)
    {
        const auto & v4 = reinterpret_cast<const sockaddr_in &>(address);
        if (::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text)) == nullptr)
            return {};
        return std::string(text) + ':' + std::to_string(ntohs(v4.sin_port));
    }
    if (address.ss_family == AF_INET6)
    {
        const auto & v6 = reinterpret_cast<const sockaddr_in6 &>(address);
        if (::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text)) == nullptr)
            return {};
        return '[' + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    return {};
}

}
