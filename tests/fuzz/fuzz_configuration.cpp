#include "config/parser.h"
#include "target.h"

using namespace chmtls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto text = fuzz::text_of(data, size);
    const auto settings = config::parse_server(text, "fuzz");
    if (!settings)
        fuzz::require(!settings.error().empty() && !describe(settings.error()).empty());
    const auto users = config::parse_users(text, "fuzz");
    if (!users)
        fuzz::require(!users.error().empty());
    return 0;
}
