#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace chmtls
{

/// Replaces a file as a whole, so that after a crash there is the former or the new one: written beside it as PATH.new (mode
/// 0600), synced, renamed over it, and the directory synced. The error names path, cause (errno text) and remedy; the former file
/// then stays.
[[nodiscard]] Result<void> replace_file_durably(const std::string & path, ByteView content);

}
