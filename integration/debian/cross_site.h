#pragma once

#include <Poco/Net/HTTPRequest.h>

namespace chmtls::debian
{

/// Does a browser say that another site made it send this request? See host::is_cross_site.
bool is_cross_site(const Poco::Net::HTTPRequest & request);

}
