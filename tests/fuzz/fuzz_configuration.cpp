// What was asked for has one digest, and a comment behind it asks for nothing.

#include "config/parser.h"
#include "config/settings_digest.h"
#include "target.h"

using namespace chmtls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto text = fuzz::text_of(data, size);
    const std::string commented = std::string(text) + "\n<!-- <mtls/> -->";
    const auto settings = config::parse_server(text, "fuzz");
    if (settings)
    {
        const auto again = config::parse_server(commented, "fuzz");
        fuzz::require(again.has_value() && config::digest_of(*again) == config::digest_of(*settings));
    }
    else
    {
        fuzz::require(!settings.error().empty() && !describe(settings.error()).empty());
        fuzz::require(config::parse_server_all(text, "fuzz").errors.size() == settings.error().size());
    }
    const auto users = config::parse_users(text, "fuzz");
    if (!users)
        fuzz::require(!users.error().empty());
    else if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) // nothing is no document, and says: no users
    {
        const auto again = config::parse_users(commented, "fuzz");
        fuzz::require(again.has_value() && config::digest_of(*again) == config::digest_of(*users));
    }
    return 0;
}
