#include "config/sessions_section.h"

#include <array>

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 2> on_revoked_words{"now", "after_query"};

}

void read_sessions(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("sessions");
    if (!element)
        return;
    Section section(*element, mtls.key_path("sessions", 0, 1), findings);
    Sessions & result = settings.sessions;
    if (const auto word = section.word("on_revoked", on_revoked_words))
        result.on_revoked = static_cast<OnRevoked>(*word);
    const auto max_wait = section.seconds("max_wait", 0.1, 86400);
    result.max_wait = max_wait.value_or(result.max_wait);
    if (max_wait && result.on_revoked == OnRevoked::now)
        section.refuse(
            "max_wait", "has no meaning when sessions are closed at once",
            "set on_revoked to after_query, or remove this setting");
    section.refuse_unknown();
}

}
