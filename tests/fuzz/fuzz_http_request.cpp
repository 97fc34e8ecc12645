// The head of an HTTP request: what the server gets names the user that it was given, reads as one request, and has no other
// credentials.

#include <algorithm>

#include <clickhouse_mtls/plugin.h>
#include <gateway/http_credentials.h>

#include "target.h"

using namespace chmtls;
using namespace chmtls::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto bytes = fuzz::text_of(data, size);
    const auto parsed = parse_request_head(bytes.substr(0, head_size(bytes)));
    if (!parsed.head)
        return 0;
    offer_of(*parsed.head);
    const ServerCredentials credentials{"user", "password"};
    const auto sent = head_for_server(*parsed.head, &credentials, "192.0.2.1");
    const auto again = parse_request_head(sent);
    fuzz::require(again.head.has_value() && head_size(sent) == sent.size());
    fuzz::require(again.head->framing == parsed.head->framing && again.head->length == parsed.head->length);
    const auto offer = offer_of(*again.head);
    fuzz::require(offer.fault.empty() || offer_of(*parsed.head).fault == offer.fault); // of the URL
    fuzz::require(offer.user == "user" && (offer.flags & CHMTLS_LOGIN_OTHER_CREDENTIALS) == 0);
    const auto named = std::count_if(
        again.head->fields.begin(), again.head->fields.end(),
        [](const Field & field) { return folded_name(field.name) == "x-clickhouse-user" && field.value == "user"; });
    fuzz::require(named == 1);
    return 0;
}
