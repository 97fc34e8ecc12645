#include "abi/entry.h"

#include <optional>

#include "abi/entry_support.h"
#include "abi/structs.h"

namespace chmtls::abi::entry
{

namespace
{

/// The identity behind a handle of this plugin; false: not one. Null stands for "no certificate".
bool identity_of(const chmtls_plugin * plugin, const chmtls_identity * handle, policy::IdentityPtr & identity)
{
    if (handle == nullptr)
        return true;
    const auto held = identities().find(number_of(handle));
    if (held == nullptr || held->plugin != number_of(plugin))
        return false;
    identity = held->identity;
    return true;
}

std::optional<policy::Interface> interface_of(uint32_t value)
{
    if (value == CHMTLS_INTERFACE_NATIVE)
        return policy::Interface::native;
    if (value == CHMTLS_INTERFACE_HTTP)
        return policy::Interface::http;
    return std::nullopt;
}

}

chmtls_status authorize(
    chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_login * login, const chmtls_sink * sink,
    chmtls_buffer * error) noexcept
{
    return on(
        plugin, error,
        [&](Instance & instance, ErrorText & text) -> chmtls_status
        {
            policy::IdentityPtr who;
            if (!identity_of(plugin, identity, who))
                return text.fail(CHMTLS_INVALID_HANDLE, "not a live identity of this plugin");
            const auto asked = read_struct(login);
            constexpr uint32_t known = CHMTLS_LOGIN_USER_NAMED | CHMTLS_LOGIN_PASSWORD_GIVEN | CHMTLS_LOGIN_CERTIFICATE_ASKED
                                       | CHMTLS_LOGIN_OTHER_CREDENTIALS | CHMTLS_LOGIN_AGAIN | CHMTLS_LOGIN_NO_TLS
                                       | CHMTLS_LOGIN_UNPRINTABLE | CHMTLS_LOGIN_CROSS_SITE;
            if (!asked || !usable(sink))
                return text.fail(CHMTLS_INVALID_ARGUMENT, "login or sink is null or too short");
            const auto interface = interface_of(asked->interface);
            const auto user = text_of(asked->user);
            const auto remote = text_of(asked->remote_address);
            if (!interface || !user || !remote)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "an unknown interface, or bytes that are null with a length");
            // A circumstance that we do not know may be one that forbids the login.
            if ((asked->flags & ~known) != 0)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "an unknown login flag");

            const auto decision = instance.authorize(
                who,
                {.interface = *interface,
                 .user = *user,
                 .user_named = (asked->flags & CHMTLS_LOGIN_USER_NAMED) != 0,
                 .password_given = (asked->flags & CHMTLS_LOGIN_PASSWORD_GIVEN) != 0,
                 .certificate_asked = (asked->flags & CHMTLS_LOGIN_CERTIFICATE_ASKED) != 0,
                 .other_credentials = (asked->flags & CHMTLS_LOGIN_OTHER_CREDENTIALS) != 0,
                 .again = (asked->flags & CHMTLS_LOGIN_AGAIN) != 0,
                 .without_tls = (asked->flags & CHMTLS_LOGIN_NO_TLS) != 0,
                 .unprintable = (asked->flags & CHMTLS_LOGIN_UNPRINTABLE) != 0,
                 .cross_site = (asked->flags & CHMTLS_LOGIN_CROSS_SITE) != 0},
                *remote);
            if (decision.outcome == policy::Outcome::declined)
            {
                if (!decision.rule.empty())
                    put(*sink, CHMTLS_ITEM_RULE, abi::bytes_of(decision.rule));
                return text.fail(CHMTLS_DECLINED, decision.message);
            }
            if (decision.outcome != policy::Outcome::granted)
                return text.fail(CHMTLS_REFUSED, decision.message);
            put(*sink, CHMTLS_ITEM_USER, abi::bytes_of(decision.user));
            put(*sink, CHMTLS_ITEM_RULE, abi::bytes_of(decision.rule));
            return CHMTLS_OK;
        });
}

chmtls_status authorize_query(
    chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_query * query, const chmtls_sink * sink,
    chmtls_buffer * error) noexcept
{
    return on(
        plugin, error,
        [&](Instance & instance, ErrorText & text) -> chmtls_status
        {
            policy::IdentityPtr who;
            if (!identity_of(plugin, identity, who))
                return text.fail(CHMTLS_INVALID_HANDLE, "not a live identity of this plugin");
            const auto asked = read_struct(query);
            constexpr uint32_t known = CHMTLS_QUERY_SESSION_GRANTED | CHMTLS_QUERY_AGAIN;
            if (!asked || !usable(sink))
                return text.fail(CHMTLS_INVALID_ARGUMENT, "query or sink is null or too short");
            const auto session_user = text_of(asked->session_user);
            const auto initial_user = text_of(asked->initial_user);
            const auto initial_address = text_of(asked->initial_address);
            const auto remote = text_of(asked->remote_address);
            if (!session_user || session_user->empty() || !initial_user || !initial_address || !remote)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "no session user, or bytes that are null with a length");
            if ((asked->flags & ~known) != 0)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "an unknown query flag");
            const auto decision = instance.authorize_query(
                who,
                {.session_user = *session_user,
                 .session_granted = (asked->flags & CHMTLS_QUERY_SESSION_GRANTED) != 0,
                 .initial_user = *initial_user,
                 .initial_address = *initial_address,
                 .again = (asked->flags & CHMTLS_QUERY_AGAIN) != 0},
                *remote);
            if (decision.outcome == policy::Outcome::declined)
                return text.fail(CHMTLS_DECLINED, decision.message);
            if (decision.outcome != policy::Outcome::granted)
                return text.fail(CHMTLS_REFUSED, decision.message);
            put(*sink, CHMTLS_ITEM_USER, abi::bytes_of(decision.user));
            if (!decision.rule.empty())
                put(*sink, CHMTLS_ITEM_RULE, abi::bytes_of(decision.rule));
            return CHMTLS_OK;
        });
}

chmtls_status
session_opened(chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_session * session, chmtls_buffer * error) noexcept
{
    return on(
        plugin, error,
        [&](Instance & instance, ErrorText & text) -> chmtls_status
        {
            policy::IdentityPtr who;
            if (!identity_of(plugin, identity, who) || who == nullptr)
                return text.fail(CHMTLS_INVALID_HANDLE, "not a live identity of this plugin");
            const auto opened = read_struct(session);
            if (!opened)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "the session is null or too short");
            const auto interface = interface_of(opened->interface);
            const auto user = text_of(opened->user);
            const auto rule = text_of(opened->rule);
            if (!interface || !user || !rule)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "an unknown interface, or bytes that are null with a length");
            const auto added = instance.session_opened(
                {.token = opened->session_token,
                 .interface = *interface,
                 .identity = std::move(who),
                 .user = std::string(*user),
                 .rule = std::string(*rule)});
            if (!added)
                return text.fail(CHMTLS_REFUSED, added.error().describe());
            return CHMTLS_OK;
        });
}

void session_busy(chmtls_plugin * plugin, uint64_t session_token, uint32_t busy) noexcept
{
    (void)on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            if (busy > 1)
                return CHMTLS_INVALID_ARGUMENT;
            instance.session_activity(session_token, busy == 1 ? session::Activity::busy : session::Activity::idle);
            return CHMTLS_OK;
        });
}

void session_closed(chmtls_plugin * plugin, uint64_t session_token) noexcept
{
    (void)on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            instance.session_closed(session_token);
            return CHMTLS_OK;
        });
}

}
