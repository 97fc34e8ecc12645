// DB::Context::setUser: every login of a client, native or HTTP. DB::SecurityManager::authorizeAndGetUser: who may.

#include <Poco/Exception.h>

#include "adapter.h"
#include "clickhouse.h"
#include "connection_scope.h"
#include "denial.h"
#include "log_record.h"
#include "login.h"
#include "symbols.h"
#include "users_overlay.h"

using namespace chmtls::debian;

void DB::Context::setUser(
    const std::string & name, const std::string & password, const Poco::Net::SocketAddress & address,
    const std::string & quota_key)
{
    const auto call_original = [&](const std::string & user, const std::string & secret)
    {
        original_as<void(
            Context *, const std::string &, const std::string &, const Poco::Net::SocketAddress &, const std::string &)>(
            Symbol::set_user)(this, user, secret, address, quota_key);
    };
    auto * const adapter = Adapter::active();
    auto * const scope = ConnectionScope::current();
    if (adapter == nullptr || scope == nullptr)
        return call_original(name, password);
    const auto login = scope->take_login(name, password, address, quota_key);
    if (!login)
        return call_original(name, password);
    const auto answer = decide(adapter->plugin(), *scope, *login);
    if (answer.decision == Decision::not_a_certificate_login)
    {
        run_with_reason([&] { call_original(name, password); }, answer.reason);
        return scope->logged_in(name, LoginMeans::others);
    }
    if (answer.decision == Decision::denied)
        throw_denied([&] { call_original(without_control_bytes(name), unknown_password()); }, answer.reason);
    const Grant grant(answer.user);
    call_original(answer.user, {});
    scope->logged_in(answer.user, LoginMeans::certificate);
}

std::shared_ptr<const DB::User> DB::SecurityManager::authorizeAndGetUser(
    const std::string & user, const std::string & password, const Poco::Net::IPAddress & address) const
{
    using UserPtr = std::shared_ptr<const User>;
    const auto authorize
        = original_as<UserPtr(const SecurityManager *, const std::string &, const std::string &, const Poco::Net::IPAddress &)>(
            Symbol::authorize);
    remember_security_manager(*this);
    if (!Grant::covers(user))
        return authorize(this, user, password, address);

    // The original first looks for the user, then at the networks the user may come from, then at the password. A user without a
    // password has the one below; one with another gets "wrong password" exactly when all else is in order.
    try
    {
        return authorize(this, user, closed_password(), address);
    }
    catch (const Poco::Exception & refusal)
    {
        if (refusal.code() != wrong_password)
            throw;
    }
    return original_as<UserPtr(const SecurityManager *, const std::string &)>(Symbol::get_user)(this, user);
}
