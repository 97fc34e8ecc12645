#include "base/version.h"

namespace chmtls
{

std::string_view version() noexcept
{
    return CHMTLS_VERSION;
}

}
