#pragma once

#include <tl/expected.hpp>

#include "base/error.h"

namespace chmtls
{

/// A value, or the one reason why there is none.
template <typename T>
using Result = tl::expected<T, Error>;

/// A value, or everything that stands in its way.
template <typename T>
using Checked = tl::expected<T, Errors>;

[[nodiscard]] inline tl::unexpected<Error> fail(Error error)
{
    return tl::unexpected<Error>(std::move(error));
}

}
