#pragma once

// The login by certificate, between DB::Context::setUser and the authorizeAndGetUser that it calls.

#include <string>

#include "connection_scope.h"

namespace DB
{
class SecurityManager;
}

namespace chmtls::debian
{

enum class Decision
{
    granted,
    not_a_certificate_login, ///< the server decides as ever
    denied,
};

struct LoginAnswer
{
    Decision decision = Decision::denied;
    std::string user;   ///< granted: who the peer is from now on
    std::string reason; ///< denied: what the client is told; not a certificate login: why the certificate it showed was none
};

/// Asks the module about a login, and has the session watched unless it is denied.
LoginAnswer decide(chmtls::Plugin & plugin, ConnectionScope & scope, const Login & login);

/// The server's one list of users and their rights; null before the first login. Thread-safe.
const DB::SecurityManager * security_manager() noexcept;
void remember_security_manager(const DB::SecurityManager & manager) noexcept;

/// While it lives, the authorization of `user` on this thread is already settled.
class Grant
{
public:
    explicit Grant(const std::string & user) noexcept;
    ~Grant();
    Grant(const Grant &) = delete;
    Grant & operator=(const Grant &) = delete;

    static bool covers(const std::string & user) noexcept;
};

}
