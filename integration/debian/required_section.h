#pragma once

namespace chmtls::debian
{

/// Was this copy of the server made with patch-server --require-mtls? It says so by the name (DT_SONAME) that patch-server gave
/// it.
bool section_is_required() noexcept;

}
