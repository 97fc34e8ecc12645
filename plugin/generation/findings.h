#pragma once

#include "base/result.h"

namespace chmtls::generation
{

/// Adds errors that come from elsewhere; those without a field get `field`.
void append(Errors & errors, Errors more, const std::string & field);

}
