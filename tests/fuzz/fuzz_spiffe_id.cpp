#include <algorithm>

#include "spiffe/id.h"
#include "target.h"

using namespace chmtls;

namespace
{

bool is_path_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'
           || c == '/';
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto text = fuzz::text_of(data, size);
    const auto id = spiffe::Id::parse(text);
    if (!id)
    {
        fuzz::require(!spiffe::code(id.error()).empty() && !spiffe::message(id.error()).empty());
        return 0;
    }
    // What was accepted is what was given, and its parts put together again are the whole.
    fuzz::require(id->text() == text);
    fuzz::require("spiffe://" + std::string(id->trust_domain()) + std::string(id->path()) == text);
    fuzz::require(spiffe::Id::parse(id->text()) == *id);
    fuzz::require(size <= spiffe::max_id_length && id->trust_domain().size() <= spiffe::max_trust_domain_length);
    fuzz::require(std::all_of(id->path().begin(), id->path().end(), is_path_character));
    const auto trust_domain = spiffe::parse_trust_domain(id->trust_domain());
    fuzz::require(trust_domain.has_value() && *trust_domain == id->trust_domain());
    return 0;
}
