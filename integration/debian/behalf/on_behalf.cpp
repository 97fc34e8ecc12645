#include "behalf/on_behalf.h"

#include <utility>

#include <Poco/Exception.h>

#include "adapter.h"
#include "connection_scope.h"
#include "denial.h"
#include "log.h"
#include "login.h"
#include "symbols.h"
#include "users_overlay.h"

namespace chmtls::debian
{

namespace
{

thread_local int peers_words_read = 0;
thread_local QueryOwner * owner_without_connection = nullptr;

void set_user(
    DB::Context & context, const std::string & user, const std::string & password, const Poco::Net::SocketAddress & address,
    const std::string & quota_key)
{
    original_as<void(
        DB::Context *, const std::string &, const std::string &, const Poco::Net::SocketAddress &, const std::string &)>(
        Symbol::set_user)(&context, user, password, address, quota_key);
}

/// Does the server take from the peer who asked? It does with every kind that is not one of the two in which the peer asks
/// itself.
bool is_for_another(const ClientInfo & info)
{
    return info.query_kind != QueryKind::none && info.query_kind != QueryKind::initial;
}

/// As the server refuses a login, with our text.
[[noreturn]] void refuse(DB::Context & context, const ClientInfo & info, const std::string & why)
{
    throw_denied([&] { set_user(context, info.current_user, unknown_password(), info.current_address, {}); }, why);
}

chmtls::Authorization ask_module(Adapter & adapter, ConnectionScope & scope, const ClientInfo & info)
{
    static const chmtls::Identity no_certificate;
    const bool secondary = is_for_another(info);
    const std::string initial_user = secondary ? info.initial_user : std::string{};
    const std::string initial_address = secondary ? info.initial_address.toString() : std::string{};
    chmtls_query query{};
    query.flags = (scope.logged_in_by_certificate() ? CHMTLS_QUERY_SESSION_GRANTED : 0U)
                  | (scope.ran_before(initial_user) ? CHMTLS_QUERY_AGAIN : 0U);
    query.session_user = chmtls::bytes_of(scope.session_user());
    query.initial_user = chmtls::bytes_of(initial_user);
    query.initial_address = chmtls::bytes_of(initial_address);
    query.remote_address = chmtls::bytes_of(scope.peer_name());
    const auto peer = scope.identity();
    return adapter.plugin().authorize_query(peer ? peer->identity : no_certificate, query);
}

/// Of a node: the context gets the user who asked.
void give_to_asker(ClientInfo & info, const std::string & user)
{
    const auto session_address = info.current_address;
    const auto key = info.interface == interface_http ? info.quota_key : std::string{};
    run_as(context_of(info), {user, {}, key}, info.initial_address);
    info.current_address = session_address; // where it comes from; who asked is in initial_address
}

void judge(Adapter & adapter, ConnectionScope & scope, ClientInfo & info)
{
    const bool secondary = is_for_another(info);
    // What a peer without a certificate says for itself is what the server takes it for anyway.
    if (!secondary && !scope.identity())
        return;
    // Copied from what the login left: were it something else, nothing here could be believed.
    if (info.current_user != scope.session_user())
        refuse(context_of(info), info, "the query's user is not its session's: the query was refused");
    const auto answer = ask_module(adapter, scope, info);
    if (answer.outcome.status == CHMTLS_DECLINED)
        return;
    if (!answer.outcome.ok())
    {
        scope.forget_query();
        refuse(context_of(info), info, "Query refused: " + answer.outcome.message);
    }
    if (answer.rule.empty())
    {
        scope.query_granted(info.initial_user);
        info.initial_user = info.current_user;
        info.initial_address = info.current_address;
        return;
    }
    const bool asked = secondary && !info.initial_user.empty();
    if (asked)
        give_to_asker(info, answer.user);
    else if (answer.user != info.current_user)
        refuse(context_of(info), info, "Query refused: nobody asked for it, and it is not the session's user's");
    scope.query_granted(asked ? answer.user : std::string{});
}

}

PeersWords::PeersWords() noexcept
{
    ++peers_words_read;
}

PeersWords::~PeersWords()
{
    --peers_words_read;
}

bool PeersWords::are_read() noexcept
{
    return peers_words_read != 0;
}

void QueryOwner::begin() noexcept
{
    judged_ = false;
    refusal_ = nullptr;
    asker_.reset();
}

void QueryOwner::refused(std::exception_ptr why) noexcept
{
    judged_ = true;
    refusal_ = std::move(why);
}

void QueryOwner::throw_if_refused() const
{
    if (refusal_)
        std::rethrow_exception(refusal_);
}

void QueryOwner::asked_by(const ClientInfo & info)
{
    if (!asker_ && !info.initial_user.empty())
        asker_ = Asker{
            info.initial_user, info.initial_address.toString(),
            info.interface == interface_http ? info.quota_key : std::string{}};
}

QueryOwner * current_owner() noexcept
{
    if (owner_without_connection != nullptr)
        return owner_without_connection;
    auto * const scope = ConnectionScope::current();
    return scope == nullptr ? nullptr : &scope->owner();
}

WithoutConnection::WithoutConnection(QueryOwner & owner) noexcept
{
    owner_without_connection = &owner;
}

WithoutConnection::~WithoutConnection()
{
    owner_without_connection = nullptr;
}

void judge_announced(Adapter & adapter, ConnectionScope & scope, ClientInfo & info) noexcept
{
    auto & owner = scope.owner();
    try
    {
        if (adapter.names_nodes() || scope.logged_in_by_certificate())
            judge(adapter, scope, info);
        owner.judged();
    }
    catch (...)
    {
        owner.refused(std::current_exception());
    }
}

void judge_before_run(Adapter & adapter, ConnectionScope & scope, DB::Context & context)
{
    auto & owner = scope.owner();
    // A peer of a revision so old that it says nothing of itself.
    if (!owner.is_judged())
        judge_announced(adapter, scope, client_info_of(context));
    owner.throw_if_refused();
}

void run_as(DB::Context & context, const Asker & asker, const Poco::Net::SocketAddress & address)
{
    const Grant grant(asker.user);
    try
    {
        set_user(context, asker.user, {}, address, asker.quota_key);
    }
    catch (const Poco::Exception & refusal)
    {
        say(Poco::Message::PRIO_WARNING,
            "a query on behalf of '" + asker.user + "', who is at " + address.toString() + ", was refused: " + refusal.message());
        throw;
    }
}

}
