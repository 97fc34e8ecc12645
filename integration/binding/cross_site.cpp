#include <binding/cross_site.h>

#include <algorithm>
#include <string>

namespace chmtls::host
{
namespace
{

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(
        out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
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

bool is_cross_site(const RequestOrigin & request)
{
    if (request.sec_fetch_site)
    {
        const auto site = lower(*request.sec_fetch_site);
        return site != "same-origin" && site != "none";
    }
    const auto host = lower(request.host);
    if (request.origin)
        return !is_of_host(lower(*request.origin), host);
    return request.referer && !is_of_host(lower(*request.referer), host);
}

}
