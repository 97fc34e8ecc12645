#pragma once

#include <Poco/Net/HTTPRequest.h>

namespace chmtls::debian
{

/// Does a browser say that another site made it send this request, by Sec-Fetch-Site (W3C Fetch Metadata), or, where it does not
/// send that, by an Origin (RFC 6454 7) or Referer (RFC 9110 10.1.3) that is not https and this request's Host? Another host of
/// the same site is another site here. Programs that send none of the three are none of that.
bool is_cross_site(const Poco::Net::HTTPRequest & request);

}
