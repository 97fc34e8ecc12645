#include "mapping/rule.h"
#include "target.h"

using namespace chmtls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto rule = mapping::parse_rule_line(fuzz::text_of(data, size), "fuzz:1");
    if (!rule)
    {
        fuzz::require(!rule.error().reason.empty());
        return 0;
    }
    const auto again = mapping::parse_rule_line(mapping::print_rule_line(*rule), "fuzz:1");
    fuzz::require(again.has_value() && *again == *rule);
    return 0;
}
