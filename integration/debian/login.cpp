#include "login.h"

#include <atomic>

#include "log_record.h"

namespace chmtls::debian
{

namespace
{

thread_local const std::string * granted_user = nullptr;
std::atomic<const DB::SecurityManager *> manager_of_users = nullptr;

std::string who(const Login & login)
{
    if (has_control_bytes(login.user))
        return "a user";
    return login.user.empty() ? std::string("a client that names no user") : "user " + login.user;
}

// Native clients send "default" both for it and for nobody. The rules' answer to "nobody" comes first; where there is none, the
// certificate may still be one of the user "default" itself.
bool may_mean_default(const Login & login)
{
    constexpr uint32_t decided = CHMTLS_LOGIN_USER_NAMED | CHMTLS_LOGIN_PASSWORD_GIVEN;
    return login.interface == CHMTLS_INTERFACE_NATIVE && !login.user.empty() && (login.flags & decided) == 0;
}

Login naming_its_user(Login login)
{
    login.flags |= CHMTLS_LOGIN_USER_NAMED;
    return login;
}

chmtls_login as_bytes(const Login & login)
{
    chmtls_login bytes{};
    bytes.interface = login.interface;
    bytes.flags = login.flags;
    bytes.user = chmtls::bytes_of(login.user);
    bytes.remote_address = chmtls::bytes_of(login.remote_address);
    return bytes;
}

}

LoginAnswer decide(chmtls::Plugin & plugin, ConnectionScope & scope, const Login & login)
{
    static const chmtls::Identity no_certificate;
    const auto denied = [&](const std::string & why)
    {
        return LoginAnswer{Decision::denied, {}, "Certificate login denied for " + who(login) + ": " + why};
    };

    const auto now = Moment::now(plugin);
    if (const auto * const user = scope.granted_before(login, now))
        return {Decision::granted, *user, {}};
    scope.forget_grant();
    const auto peer = scope.identity();
    const auto & identity = peer ? peer->identity : no_certificate;
    auto answer = plugin.authorize(identity, as_bytes(login));
    if (!answer.outcome.ok() && may_mean_default(login))
        if (auto by_name = plugin.authorize(identity, as_bytes(naming_its_user(login))); by_name.outcome.ok())
            answer = std::move(by_name);
    const bool granted = answer.outcome.ok();
    if (!granted && answer.outcome.status != CHMTLS_DECLINED)
        return denied(answer.outcome.message);

    const auto watched = scope.watch(answer.user, answer.rule);
    if (!watched.ok())
        return denied(watched.message);
    if (granted)
    {
        scope.granted(login, answer.user, now);
        return {Decision::granted, std::move(answer.user), {}};
    }
    const bool tried = peer && login.interface == CHMTLS_INTERFACE_NATIVE && (login.flags & CHMTLS_LOGIN_PASSWORD_GIVEN) == 0;
    return {Decision::not_a_certificate_login, {}, tried ? std::move(answer.outcome.message) : std::string{}};
}

const DB::SecurityManager * security_manager() noexcept
{
    return manager_of_users;
}

void remember_security_manager(const DB::SecurityManager & manager) noexcept
{
    manager_of_users = &manager;
}

Grant::Grant(const std::string & user) noexcept
{
    granted_user = &user;
}

Grant::~Grant()
{
    granted_user = nullptr;
}

bool Grant::covers(const std::string & user) noexcept
{
    return granted_user != nullptr && *granted_user == user;
}

}
