// The first packet of a native client: bounded, and rewritten so that a server reads the user that it was given and nothing else
// anew.

#include <gateway/native_hello.h>

#include "target.h"

using namespace chmtls;
using namespace chmtls::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto bytes = fuzz::text_of(data, size);
    const auto parsed = parse_native_hello(bytes);
    fuzz::require(parsed.state != HelloState::incomplete || size < max_hello_bytes);
    fuzz::require(parsed.fault.empty() == (parsed.state != HelloState::refused));
    if (parsed.state != HelloState::complete)
        return 0;
    const auto rewritten = with_credentials(bytes, parsed.hello, "user", "password");
    const auto again = parse_native_hello(rewritten);
    fuzz::require(again.state == HelloState::complete);
    fuzz::require(again.hello.user == "user" && again.hello.password == "password");
    fuzz::require(again.hello.database == parsed.hello.database && again.hello.revision == parsed.hello.revision);
    fuzz::require(std::string_view(rewritten).substr(again.hello.credentials_end) == bytes.substr(parsed.hello.credentials_end));
    return 0;
}
