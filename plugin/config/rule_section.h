#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

enum class RuleKind
{
    yields_user, ///< <users>
    says_who,    ///< <nodes>, <keeper>: a matching certificate is one of them, and that is all
};

/// A <rule>. Every child that is neither name nor user is a matcher; which fields there are is the mapping's knowledge. Nothing
/// when a part is missing, with a finding.
[[nodiscard]] std::optional<Rule>
read_rule(const Element & element, const std::string & path, RuleKind kind, Findings & findings);

}
