#pragma once

#include <optional>
#include <string_view>

namespace chmtls::host
{

/// Header fields by which a browser says what made it send a request; as they came, in any case.
struct RequestOrigin
{
    std::optional<std::string_view> sec_fetch_site; ///< W3C Fetch Metadata
    std::optional<std::string_view> origin;         ///< RFC 6454 7
    std::optional<std::string_view> referer;        ///< RFC 9110 10.1.3
    std::string_view host;                          ///< empty: the request names none
};

/// Does it say that another site did: by Sec-Fetch-Site, or, where it does not send that, by an Origin or Referer that is not
/// https and this request's Host? Another host of the same site is another site here. Programs that send none of the three are
/// none of that.
bool is_cross_site(const RequestOrigin & request);

}
