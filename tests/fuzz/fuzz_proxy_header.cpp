// The PROXY protocol in front of a connection: never read beyond its end, and what came byte by byte reads as what came at once.

#include <gateway/proxy_header.h>

#include "target.h"

using namespace chmtls;
using namespace chmtls::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto bytes = fuzz::text_of(data, size);
    size_t read = 0;
    for (;;)
    {
        const auto parsed = parse_proxy_header(bytes.substr(0, read));
        fuzz::require(parsed.fault.empty() == (parsed.state != ProxyState::refused));
        if (parsed.state == ProxyState::complete)
        {
            fuzz::require(!parsed.header.local || (parsed.header.address.empty() && parsed.header.certificate.empty()));
            fuzz::require(parsed.header.certificate.size() < read && parsed.header.address.size() < 64);
            // One more byte is not the header's.
            if (read < size)
                fuzz::require(parse_proxy_header(bytes.substr(0, read + 1)).state == ProxyState::refused);
        }
        if (parsed.state != ProxyState::incomplete)
            return 0;
        fuzz::require(parsed.needs > 0 && read + parsed.needs <= max_proxy_header_bytes);
        if (parsed.needs > size - read)
            return 0;
        read += parsed.needs;
    }
}
