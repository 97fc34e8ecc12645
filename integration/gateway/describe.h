#pragma once

#include <string>

namespace chmtls::gateway
{

/// One line of JSON on a file's <gateway>, for the tool: {"findings": [...]}, and where there are none "servers" (each with
/// "listener" and "server"), "tokens" (host:port, or null), "passwords" (the file, or null), "password_users" (names, no
/// passwords) and "password_logins". Reads the password file, opens no port. Never throws but std::bad_alloc.
std::string describe(const std::string & file);

}
