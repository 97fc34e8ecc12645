#include "instance/dns_status.h"

#include <sstream>

#include <Poco/JSON/Array.h>

namespace chmtls::instance
{

namespace
{

using Poco::Dynamic::Var;
using Object = Poco::JSON::Object;
using Array = Poco::JSON::Array;

constexpr size_t text_limit = 512;

Object object()
{
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Var number(uint64_t value)
{
    return Poco::UInt64(value);
}

Object name_json(const dns::NameState & state)
{
    auto one = object();
    one.set("name", printable(state.name));
    one.set("resolves", state.resolves);
    Array addresses;
    for (const auto & address : state.addresses)
        addresses.add(printable(address));
    one.set("addresses", addresses);
    one.set("changes", number(state.changes));
    one.set("asked_again_in_ms", state.asked_again_in ? Var(Poco::Int64(state.asked_again_in->count())) : Var());
    one.set("failure", state.failure.empty() ? Var() : Var(printable(state.failure, text_limit)));
    return one;
}

}

Object dns_summary(const dns::Status & status)
{
    auto summary = object();
    summary.set("enabled", status.enabled);
    summary.set("names", number(status.names));
    summary.set("unresolved", number(status.failing));
    summary.set("unreachable_hosts", number(status.failing_hosts));
    summary.set("flushes", number(status.flushes.done));
    auto asked = object();
    for (size_t i = 0; i < status.flushes.asked.size(); ++i)
        asked.set(dns::word(static_cast<dns::Cause>(i)), number(status.flushes.asked[i]));
    summary.set("asked_for", asked);
    return summary;
}

std::string dns_status_json(const dns::Status & status)
{
    auto all = dns_summary(status);
    Array names;
    for (const auto & state : status.states)
        names.add(name_json(state));
    all.set("watched", names);
    std::ostringstream out;
    all.stringify(out);
    return out.str();
}

}
