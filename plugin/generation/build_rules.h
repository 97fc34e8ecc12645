#pragma once

// From rules as they were asked for to rules that match.

#include "generation/generation.h"

namespace chmtls::generation
{

/// The rule with its fields known; unknown ones are findings.
[[nodiscard]] mapping::RuleText rule_text(const config::Rule & rule, Errors & errors);

/// <nodes> or <keeper>; `section` names it in findings. Null when there are findings.
[[nodiscard]] std::shared_ptr<Peers> build_peers(const config::PeerSection & asked, const std::string & section, Errors & errors);

/// Has any of the rules a matcher for a SPIFFE ID or its trust domain?
[[nodiscard]] bool looks_at_spiffe(const std::vector<mapping::RuleText> & rules);

}
