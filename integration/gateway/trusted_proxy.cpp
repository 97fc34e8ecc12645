#include "trusted_proxy.h"

#include <algorithm>
#include <array>

#include <boost/asio/ip/address.hpp>

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

namespace chmtls::gateway
{
namespace
{

namespace ip = boost::asio::ip;

constexpr std::array<std::string_view, 2> interfaces{"native", "https"};
constexpr std::array<std::string_view, 5> ways{"proxy_protocol", "client_cert", "xfcc", "nginx", "haproxy"};

/// Loopback, RFC 1918 or RFC 4193: what no packet from elsewhere comes from.
bool is_inside(const std::string & text)
{
    boost::system::error_code error;
    const auto address = ip::make_address(text, error);
    if (error)
        return false;
    if (address.is_v6())
        return address.is_loopback() || (address.to_v6().to_bytes()[0] & 0xFEU) == 0xFC;
    const auto number = address.to_v4().to_uint();
    return address.is_loopback() || number >> 24 == 10 || number >> 20 == 0xAC1 || number >> 16 == 0xC0A8;
}

void read_listen(Section & section, TrustedProxy & proxy)
{
    const auto text = section.text("listen");
    const auto listen = text ? parse_host_port(*text) : std::nullopt;
    if (listen && is_address(listen->host))
        proxy.listen = *listen;
    else
        section.refuse("listen", "has to be address:port, a port for this proxy alone");
}

/// The proxy's own certificate, or that it comes without one.
void read_who(Section & section, TrustedProxy & proxy)
{
    proxy.plain_from = section.texts("plain_from");
    if (section.has("certificate"))
    {
        auto certificate = section.child("certificate");
        proxy.common_name = certificate.text("common_name").value_or("");
        proxy.dns = certificate.text("dns").value_or("");
        proxy.spiffe_id = certificate.text("spiffe_id").value_or("");
        certificate.refuse_unknown();
    }
    const bool by_certificate = !proxy.common_name.empty() || !proxy.dns.empty() || !proxy.spiffe_id.empty();
    if (by_certificate == !proxy.plain_from.empty())
        return section.refuse(
            "certificate", "says who the proxy is by common_name, dns or spiffe_id; or else plain_from names the loopback or "
                           "private addresses that it comes from without TLS. One of both is needed");
    if (by_certificate)
        return;
    for (auto & address : proxy.plain_from)
    {
        if (is_inside(address))
            address = ip::make_address(address).to_string(); // one spelling, as that of a connection
        else
            section.refuse("plain_from", "\"" + address + "\" is not a loopback or private address: use certificate");
    }
    if (!is_inside(proxy.listen.host))
        section.refuse("listen", "has to be a loopback or private address where the proxy comes without TLS (plain_from)");
}

TrustedProxy read_proxy(Section & section)
{
    TrustedProxy proxy;
    proxy.name = section.text("name").value_or("");
    const bool printable
        = std::all_of(proxy.name.begin(), proxy.name.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
    if (proxy.name.empty() || !printable)
        section.refuse("name", "is needed, without blanks: log and audit say \"via\" it");
    read_listen(section, proxy);
    proxy.https = section.word("interface", interfaces).value_or(0) == 1;
    if (!section.has("interface"))
        section.refuse("interface", "is needed: native or https");
    if (const auto way = section.word("hands_on", ways))
        proxy.hands_on = static_cast<HandsOn>(*way);
    else if (!section.has("hands_on"))
        section.refuse("hands_on", "is needed: in which form the proxy hands certificates on");
    if (!proxy.https && proxy.hands_on != HandsOn::proxy_protocol)
        section.refuse("hands_on", "has to be proxy_protocol where the interface is native");
    if (const auto hops = section.number("hops", 1, 16))
    {
        proxy.hops = *hops;
        if (proxy.hands_on != HandsOn::xfcc)
            section.refuse("hops", "counts elements of xfcc only");
    }
    read_who(section, proxy);
    section.refuse_unknown();
    return proxy;
}

/// A member that is a list of texts holds this one.
bool lists(const Poco::JSON::Object & object, const char * name, const std::string & wanted)
{
    const auto array = object.getArray(name);
    return array && std::any_of(array->begin(), array->end(), [&](const auto & each) { return each.toString() == wanted; });
}

bool is_text(const Poco::JSON::Object & object, const char * name, const std::string & wanted)
{
    return object.has(name) && !object.isNull(name) && object.getValue<std::string>(name) == wanted;
}

}

std::vector<TrustedProxy> read_trusted_proxies(Section & gateway)
{
    auto section = gateway.child("trusted_proxies");
    std::vector<TrustedProxy> proxies;
    for (auto & each : section.children("proxy"))
    {
        auto proxy = read_proxy(each);
        const bool taken = std::any_of(
            proxies.begin(), proxies.end(),
            [&](const TrustedProxy & other) { return other.name == proxy.name || other.listen == proxy.listen; });
        if (taken)
            each.refuse("listen", "or name is another proxy's already");
        proxies.push_back(std::move(proxy));
    }
    section.refuse_unknown();
    return proxies;
}

bool is_proxy(const TrustedProxy & proxy, const std::string & identity_json)
{
    try
    {
        const auto object = Poco::JSON::Parser().parse(identity_json).extract<Poco::JSON::Object::Ptr>();
        // Any trust domain's authority may write what it likes into the other fields.
        if (proxy.spiffe_id.empty() && object->has("spiffe_id") && !object->isNull("spiffe_id"))
            return false;
        const auto names = object->getObject("san");
        return (proxy.common_name.empty() || is_text(*object, "common_name", proxy.common_name))
               && (proxy.spiffe_id.empty() || is_text(*object, "spiffe_id", proxy.spiffe_id))
               && (proxy.dns.empty() || (names && lists(*names, "dns", proxy.dns)));
    }
    catch (const Poco::Exception &)
    {
        return false;
    }
}

}
