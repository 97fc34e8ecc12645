// One bundle is the same however it is written: twice, its authorities as PEM, or as the only one of a bundle map.

#include "openssl/pem_blocks.h"
#include "spiffe/bundle.h"
#include "target.h"

using namespace chmtls;

namespace
{

void require_same_as_pem(const spiffe::Bundle & bundle)
{
    std::string pem;
    for (const auto & authority : bundle.authorities)
        pem += openssl::to_pem(authority);
    const auto again = spiffe::parse_bundle("example.org", as_bytes(pem), "fuzz");
    fuzz::require(again.has_value() && again->authorities == bundle.authorities);
}

void require_same_in_map(const spiffe::Bundle & bundle, std::string_view json)
{
    const std::string text = R"({"trust_domains":{"example.org":)" + std::string(json) + "}}";
    const auto map = spiffe::parse_bundle_map(as_bytes(text), "fuzz");
    if (!map)
    {
        fuzz::require(map.error().code == "JSON"); // what was as deep as may be is two levels deeper now
        return;
    }
    fuzz::require(map->size() == 1 && map->front().authorities == bundle.authorities && map->front().notes == bundle.notes);
    fuzz::require(map->front().sequence == bundle.sequence && map->front().refresh_hint == bundle.refresh_hint);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const ByteView bytes(data, size);
    const auto bundle = spiffe::parse_bundle("example.org", bytes, "fuzz");
    if (bundle)
    {
        fuzz::require(bundle->trust_domain == "example.org");
        const auto again = spiffe::parse_bundle("example.org", bytes, "fuzz");
        fuzz::require(again.has_value() && again->authorities == bundle->authorities && again->sequence == bundle->sequence);
        require_same_as_pem(*bundle);
        const std::string_view text = as_text(bytes);
        const size_t first = text.find_first_not_of(" \t\r\n");
        if (first != std::string_view::npos && text[first] == '{')
            require_same_in_map(*bundle, text);
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
