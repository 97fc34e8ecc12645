#include "generation/revocation_list.h"

#include <fmt/format.h>

namespace chmtls::generation
{

Freshness freshness(const RevocationList & list, UnixTime now)
{
    if (!list.next_update || now < *list.next_update - list.warn_before)
        return Freshness::fresh;
    if (now <= *list.next_update)
        return Freshness::ending;
    return now <= *list.next_update + list.rule.grace ? Freshness::grace : Freshness::stale;
}

std::string_view word(Freshness freshness)
{
    switch (freshness)
    {
    case Freshness::fresh:
        return "fresh";
    case Freshness::ending:
        return "ending";
    case Freshness::grace:
        return "grace";
    case Freshness::stale:
        break;
    }
    return "stale";
}

std::optional<std::string> warning_of(const RevocationList & list, UnixTime now)
{
    const Freshness state = freshness(list, now);
    if (state == Freshness::fresh || list.rule.policy == trust::RevocationPolicy::off)
        return std::nullopt;
    const std::string name = fmt::format("{}: the CRL of {}", list.source, printable(list.issuer));
    const std::string due = format_rfc3339(*list.next_update);
    const bool closed = list.rule.stale == trust::StaleList::closed;
    switch (state)
    {
    case Freshness::fresh:
    case Freshness::ending:
        return fmt::format("{} must be renewed before {}", name, due);
    case Freshness::grace:
        return fmt::format(
            "{} should have been renewed at {}; {}", name, due,
            closed ? "from " + format_rfc3339(*list.next_update + list.rule.grace) + " on what it is for is refused"
                   : std::string("what it does not list is accepted all the same"));
    case Freshness::stale:
        break;
    }
    return fmt::format(
        "{} should have been renewed at {}: {}", name, due,
        closed ? "what it is for is refused" : "stale lists are open, so what it does not list is accepted");
}

}
