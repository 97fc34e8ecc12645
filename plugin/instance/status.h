#pragma once

#include "instance/snapshot.h"

namespace chmtls::instance
{

/// A snapshot as one JSON object on one line.
[[nodiscard]] std::string status_json(const Snapshot & snapshot);

}
