#include "policy/standing.h"

#include <fmt/format.h>

#include "policy/verify.h"

namespace chmtls::policy
{

Standing standing_of(const generation::Generation & generation, const IdentityPtr & shown, UnixTime now, const JudgeAgain & again)
{
    const auto stands = [&](IdentityPtr identity)
    {
        return Standing{generation, now, shown, std::move(identity), Reason::valid, {}};
    };
    const auto none = [&](Reason reason, std::string message)
    {
        return Standing{generation, now, shown, nullptr, reason, std::move(message)};
    };
    if (shown == nullptr)
        return none(Reason::certificate_required, "the peer showed no certificate");
    if (!shown->connected_to_us())
        return none(
            Reason::purpose,
            fmt::format("'{}' is a server that we connected to: it cannot log in by that certificate", shown->describe()));
    if (shown->generation != generation.number)
    {
        auto verdict = again ? again(*shown) : verify_again(generation, *shown, now);
        if (verdict.accepted())
            return stands(std::move(verdict.identity));
        return none(
            verdict.reason, fmt::format("certificate '{}' is no longer accepted: {}", shown->describe(), verdict.message));
    }
    if (now >= shown->valid_until)
        return none(
            Reason::expired, fmt::format(
                                 "certificate '{}' or something that it depends on ended at {}", shown->describe(),
                                 format_rfc3339(shown->valid_until)));
    return stands(shown);
}

Standing standing_by_floor(const Standing & standing)
{
    const auto & floor = *standing.generation.floor;
    if (standing.identity != nullptr && standing.identity->by_floor != nullptr)
        return {floor, standing.now, standing.shown, standing.identity->by_floor, Reason::valid, {}};
    return standing_of(floor, standing.shown, standing.now);
}

}
