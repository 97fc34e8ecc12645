#pragma once

#include <optional>
#include <string>

#include <Poco/Net/HTTPRequest.h>

namespace chmtls::debian
{

/// Why the other side could read the request as something else than one request: a control byte or a blank in its method, target
/// or version, or in a header's name; a control byte but a tab in a header's value (RFC 9112 section 3, RFC 9110 section 5.5).
/// Names the part, never its content. 18.16 and Poco 1.11 write what they are given.
std::optional<std::string> defect_of(const Poco::Net::HTTPRequest & request);

}
