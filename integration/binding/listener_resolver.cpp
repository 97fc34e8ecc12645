#include <binding/ssl_binding.h>

#include <algorithm>

#include <netinet/in.h>
#include <sys/socket.h>

namespace chmtls::host
{
namespace
{

std::optional<uint16_t> local_port(const SSL * ssl)
{
    const int descriptor = SSL_get_fd(ssl);
    if (descriptor < 0)
        return std::nullopt;
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    if (::getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &length) != 0)
        return std::nullopt;
    if (address.ss_family == AF_INET)
        return ntohs(reinterpret_cast<const sockaddr_in &>(address).sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6 &>(address).sin6_port);
    return std::nullopt;
}

class LocalPortResolver final : public ListenerResolver
{
public:
    explicit LocalPortResolver(std::vector<std::pair<uint16_t, std::string>> listeners) : listeners_(std::move(listeners)) {}

    std::optional<std::string> listener_of(SSL * ssl) const override
    {
        const auto port = local_port(ssl);
        if (!port)
            return std::nullopt;
        const auto found
            = std::find_if(listeners_.begin(), listeners_.end(), [&](const auto & entry) { return entry.first == *port; });
        if (found == listeners_.end())
            return std::nullopt;
        return found->second;
    }

private:
    std::vector<std::pair<uint16_t, std::string>> listeners_;
};

}

std::unique_ptr<ListenerResolver> resolve_by_local_port(std::vector<std::pair<uint16_t, std::string>> listeners)
{
    return std::make_unique<LocalPortResolver>(std::move(listeners));
}

}
