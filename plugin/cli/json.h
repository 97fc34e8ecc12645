#pragma once

// What the tool prints, a line each: text, or JSON (base/json.h).

#include <string_view>

#include "base/json.h"

namespace chmtls::cli
{

/// One line on stdout.
void print_line(std::string_view line);

}
