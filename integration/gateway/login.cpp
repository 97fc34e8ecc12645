#include "login.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

namespace chmtls::gateway
{
namespace
{

// "default" is what native clients send when their user named nobody.
constexpr std::string_view default_user = "default";

chmtls::Authorization ask(const chmtls::Plugin & plugin, const chmtls::Identity & identity, const Offer & offer, uint32_t flags)
{
    chmtls_login login{};
    login.interface = offer.interface;
    login.flags = flags;
    login.user = chmtls::bytes_of(offer.user);
    login.remote_address = chmtls::bytes_of(offer.remote_address);
    return plugin.authorize(identity, login);
}

// The rules' answer to "nobody" comes first; where there is none, the certificate may still be one of the user "default" itself.
bool may_mean_default(const Offer & offer)
{
    constexpr uint32_t decided = CHMTLS_LOGIN_USER_NAMED | CHMTLS_LOGIN_PASSWORD_GIVEN;
    return offer.interface == CHMTLS_INTERFACE_NATIVE && !offer.user.empty() && (offer.flags & decided) == 0;
}

Decision refused(std::string why)
{
    return {Entry::refused, {}, {}, std::move(why)};
}

}

Decision decide(const chmtls::Plugin & plugin, const host::PeerIdentity * peer, const Offer & offer, PasswordLogins passwords)
{
    static const chmtls::Identity no_certificate;
    const auto & identity = peer == nullptr ? no_certificate : peer->identity;
    auto answer = ask(plugin, identity, offer, offer.flags);
    if (!answer.outcome.ok() && may_mean_default(offer))
        if (auto by_name = ask(plugin, identity, offer, offer.flags | CHMTLS_LOGIN_USER_NAMED); by_name.outcome.ok())
            answer = std::move(by_name);

    const bool granted = answer.outcome.ok();
    if (!granted && answer.outcome.status != CHMTLS_DECLINED)
        return refused(std::move(answer.outcome.message));
    const auto node = peer == nullptr ? std::optional<bool>(false) : is_node(plugin, *peer);
    if (!node)
        return refused("whether the certificate is a cluster node's cannot be told");
    if (*node && offer.handed_on)
        return refused("a cluster node has to come itself: its certificate is not taken from a proxy");
    if (granted && !*node)
        return {Entry::as_user, std::move(answer.user), std::move(answer.rule), {}};
    // A rule for certificate and password names itself; the server then asks for the password.
    if (*node || !answer.rule.empty() || passwords == PasswordLogins::pass)
        return {Entry::as_it_came, {}, granted ? std::string{} : std::move(answer.rule), {}};
    return refused(std::move(answer.outcome.message));
}

uint32_t native_flags(std::string_view user, std::string_view password)
{
    uint32_t flags = 0;
    if (!user.empty() && user != default_user)
        flags |= CHMTLS_LOGIN_USER_NAMED;
    if (!password.empty())
        flags |= CHMTLS_LOGIN_PASSWORD_GIVEN;
    return flags;
}

std::optional<bool> is_node(const chmtls::Plugin & plugin, const host::PeerIdentity & peer)
{
    const auto described = plugin.identity_describe(peer.identity);
    if (!described.outcome.ok())
        return std::nullopt;
    try
    {
        Poco::JSON::Parser parser;
        const auto object = parser.parse(described.json).extract<Poco::JSON::Object::Ptr>();
        if (!object->has("node")) // an older module
            return std::nullopt;
        return !object->isNull("node");
    }
    catch (const Poco::Exception &)
    {
        return std::nullopt;
    }
}

}
