// Certificates that proxies hand on with a request, in every format: what is taken is DER of a bounded number of certificates,
// and nothing of it goes on to the server.

#include <gateway/handed_on.h>
#include <gateway/http_credentials.h>

#include "target.h"

using namespace chmtls;
using namespace chmtls::gateway;

namespace
{

bool says_who(const Field & field)
{
    const auto name = folded_name(field.name);
    return name.starts_with("client-cert") || name == "x-forwarded-client-cert" || name.starts_with("x-ssl-client-");
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto bytes = fuzz::text_of(data, size);
    const auto parsed = parse_request_head(bytes.substr(0, head_size(bytes)));
    if (!parsed.head)
        return 0;
    for (const auto how : {HandsOn::client_cert, HandsOn::xfcc, HandsOn::nginx, HandsOn::haproxy, HandsOn::proxy_protocol})
    {
        const auto found = handed_on(*parsed.head, how, 1 + size % 2);
        fuzz::require(found.chain.empty() == !found.fault.empty() && found.chain.size() <= 11);
        for (const auto & certificate : found.chain)
            fuzz::require(certificate.size() >= 2 && certificate.size() < size && certificate.front() == 0x30);
    }
    fuzz::require(forwarded_for(*parsed.head).size() <= size);
    const auto sent = head_for_server(*parsed.head, nullptr, "192.0.2.1");
    const auto again = parse_request_head(sent);
    fuzz::require(again.head.has_value());
    for (const auto & field : again.head->fields)
        fuzz::require(!says_who(field));
    return 0;
}
