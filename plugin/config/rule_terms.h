#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// Is it a key of a rule that says when and how the rule holds, rather than a matcher?
[[nodiscard]] bool is_rule_term(std::string_view key);

/// valid_from, valid_until (RFC 3339), max_session (a length of time) and password (required).
[[nodiscard]] RuleTerms read_rule_terms(Section & rule);

}
