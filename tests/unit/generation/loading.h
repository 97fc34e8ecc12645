#pragma once

// Loads of a site's files that must end well, or must not.

#include <stdexcept>

#include <gtest/gtest.h>

#include "generation/loader.h"
#include "reload/site.h"

namespace chmtls::generation
{

inline Loaded loaded(const test::Site & site)
{
    auto result = load(site.input(), site.now);
    if (!result)
        throw std::runtime_error(describe(result.error()));
    return std::move(*result);
}

inline Errors refused(const test::Site & site)
{
    auto result = load(site.input(), site.now);
    EXPECT_FALSE(result.has_value());
    return result ? Errors() : result.error();
}

}
