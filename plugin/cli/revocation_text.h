#pragma once

// How revocation was judged, for a person and as JSON.

#include <string>
#include <vector>

#include "trust/revocation.h"

namespace chmtls::cli
{

/// One line for each certificate that was judged: the list and when its successor is due, or why there is none.
[[nodiscard]] std::vector<std::string> revocation_lines(const std::vector<trust::RevocationStep> & steps);

/// [{"depth", "certificate", "issuer", "policy", "reason", "message", "lists": [{"source", "this_update", "next_update"}]}]
[[nodiscard]] std::string revocation_json(const std::vector<trust::RevocationStep> & steps);

}
