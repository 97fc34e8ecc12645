#pragma once

#include "admin/requests.h"

namespace chmtls::admin
{

/// The server's answer.
struct Answer
{
    bool ok = false;
    std::string result; ///< JSON, when ok
    std::string error;  ///< otherwise
};

/// Asks a server's admin socket. An error means that there is no answer.
[[nodiscard]] Result<Answer> ask(const std::string & path, const std::string & request, const Arguments & arguments);

}
