#include "cross_site.h"

#include <optional>
#include <string>

#include <Poco/String.h>

#include <binding/cross_site.h>

namespace chmtls::debian
{

bool is_cross_site(const Poco::Net::HTTPRequest & request)
{
    const auto value_of = [&](const char * name)
    {
        return request.has(name) ? std::optional(Poco::trim(request.get(name))) : std::nullopt;
    };
    const auto site = value_of("Sec-Fetch-Site");
    const auto origin = value_of("Origin");
    const auto referer = value_of("Referer");
    const auto named = value_of("Host").value_or("");
    return host::is_cross_site({site, origin, referer, named});
}

}
