#include "policy/standing.h"

#include <fmt/format.h>

namespace chmtls::policy
{

Standing standing_of(const generation::Generation & generation, const IdentityPtr & identity, UnixTime now)
{
    if (identity == nullptr)
        return {nullptr, Reason::certificate_required, "the peer showed no certificate"};
    if (identity->listener.empty())
        return {
            nullptr, Reason::purpose,
            fmt::format("'{}' is a server that we connected to: it cannot log in by that certificate", identity->describe())};
    if (identity->generation != generation.number)
    {
        std::vector<ByteView> chain;
        chain.reserve(identity->sent.size());
        for (const auto & certificate : identity->sent)
            chain.push_back(certificate.der());
        auto verdict = verify_peer(
            generation, {.role = PeerRole::client, .listener = identity->listener, .chain = chain, .expected_name = {}}, now);
        if (!verdict.accepted())
            return {
                nullptr, verdict.reason,
                fmt::format("certificate '{}' is no longer accepted: {}", identity->describe(), verdict.message)};
        return {std::move(verdict.identity), Reason::valid, {}};
    }
    if (now >= identity->valid_until)
        return {
            nullptr, Reason::expired,
            fmt::format(
                "certificate '{}' or something that it depends on ended at {}", identity->describe(),
                format_rfc3339(identity->valid_until))};
    return {identity, Reason::valid, {}};
}

}
