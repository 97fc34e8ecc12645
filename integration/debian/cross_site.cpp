#include "cross_site.h"

#include <optional>
#include <string>
#include <string_view>

#include <Poco/String.h>

namespace chmtls::debian
{

namespace
{

std::optional<std::string> value_of(const Poco::Net::HTTPRequest & request, const char * name)
{
    return request.has(name) ? std::optional(Poco::toLower(Poco::trim(request.get(name)))) : std::nullopt;
}

std::string_view without_default_port(std::string_view authority)
{
    constexpr std::string_view port = ":443";
    return authority.ends_with(port) ? authority.substr(0, authority.size() - port.size()) : authority;
}

bool is_of_host(std::string_view url, std::string_view host)
{
    constexpr std::string_view scheme = "https://";
    if (host.empty() || !url.starts_with(scheme))
        return false;
    url.remove_prefix(scheme.size());
    return without_default_port(url.substr(0, url.find_first_of("/?#"))) == without_default_port(host);
}

}

bool is_cross_site(const Poco::Net::HTTPRequest & request)
{
    if (const auto site = value_of(request, "Sec-Fetch-Site"))
        return *site != "same-origin" && *site != "none";
    const auto host = value_of(request, "Host").value_or("");
    if (const auto origin = value_of(request, "Origin"))
        return !is_of_host(*origin, host);
    const auto referer = value_of(request, "Referer");
    return referer && !is_of_host(*referer, host);
}

}
