#include "spiffe/bundle.h"
#include "target.h"

using namespace chmtls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const ByteView bytes(data, size);
    const auto bundle = spiffe::parse_bundle("example.org", bytes, "fuzz");
    if (bundle)
    {
        fuzz::require(bundle->trust_domain == "example.org");
        const auto again = spiffe::parse_bundle("example.org", bytes, "fuzz");
        fuzz::require(again.has_value() && again->authorities == bundle->authorities && again->sequence == bundle->sequence);
        // An authority that is present twice counts once.
        for (size_t i = 0; i < bundle->authorities.size(); ++i)
            for (size_t j = i + 1; j < bundle->authorities.size(); ++j)
                fuzz::require(!(bundle->authorities[i] == bundle->authorities[j]));
    }
    else
        fuzz::require(!bundle.error().reason.empty());

    const auto map = spiffe::parse_bundle_map(bytes, "fuzz");
    if (map)
        for (size_t i = 0; i < map->size(); ++i)
            for (size_t j = i + 1; j < map->size(); ++j)
                fuzz::require((*map)[i].trust_domain != (*map)[j].trust_domain);
    return 0;
}
