#pragma once

#include <string_view>

namespace chmtls
{

/// Of the module and the tool: "0.1.0". From CMakeLists.txt, and nowhere else.
[[nodiscard]] std::string_view version() noexcept;

}
