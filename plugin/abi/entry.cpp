// The C edge: every entry of plugin.h. Each is one guarded call that checks what it was given, and hands on.

#include <vector>

#include "abi/guard.h"
#include "abi/handles.h"
#include "abi/instance.h"
#include "abi/structs.h"
#include "abi/ticket_keys.h"
#include "policy/authorities.h"
#include "policy/describe.h"

namespace chmtls::abi
{

namespace
{

/// An identity as the host holds it: of one instance, and of no use without it.
struct HeldIdentity
{
    policy::IdentityPtr identity;
    uint64_t plugin = 0;
};

static_assert(sizeof(void *) == sizeof(uint64_t), "handles need 64 bits");

// Not addresses of any user space on the platforms we know: a host that dereferences one stops at once.
using Plugins = HandleTable<Instance, 0xc1a5>;
using Identities = HandleTable<HeldIdentity, 0x1de7>;

// Never destroyed: the host may call until the process ends.
Plugins & plugins()
{
    static auto & table = *new Plugins;
    return table;
}

Identities & identities()
{
    static auto & table = *new Identities;
    return table;
}

uint64_t number_of(const void * handle)
{
    return reinterpret_cast<uintptr_t>(handle);
}

template <typename Handle>
Handle * handle_of(uint64_t number)
{
    // A number in a pointer's clothes, see handles.h.
    return reinterpret_cast<Handle *>(static_cast<uintptr_t>(number)); // NOLINT(performance-no-int-to-ptr)
}

Instance * instance_of(const chmtls_plugin * handle)
{
    return plugins().peek(number_of(handle));
}

void put(const chmtls_sink & sink, uint32_t kind, chmtls_bytes bytes)
{
    sink.put(sink.context, kind, bytes);
}

chmtls_bytes bytes_of(ByteView view)
{
    return {view.data(), view.size()};
}

bool usable(const chmtls_sink * sink)
{
    return sink != nullptr && sink->put != nullptr;
}

constexpr std::string_view not_live = "not a live handle";

/// RFC 1035 2.3.4, with a dot at the end.
constexpr size_t max_host_name = 254;

/// Runs `body(Instance &, ErrorText &)` on a live plugin.
template <typename Body>
chmtls_status on(const chmtls_plugin * plugin, chmtls_buffer * error, Body && body) noexcept
{
    return guarded(
        error,
        [&](ErrorText & text) -> chmtls_status
        {
            auto * instance = instance_of(plugin);
            if (instance == nullptr)
                return text.fail(CHMTLS_INVALID_HANDLE, not_live);
            return body(*instance, text);
        });
}

std::optional<generation::Input> input_of(const chmtls_configuration * configuration)
{
    constexpr size_t max_watched = 65536; // a count beyond it is no count
    const auto read = read_struct(configuration);
    if (!read || (read->watched == nullptr && read->watched_count != 0) || read->watched_count > max_watched)
        return std::nullopt;
    const auto server = text_of(read->server);
    const auto users = text_of(read->users);
    const auto server_source = text_of(read->server_source);
    const auto users_source = text_of(read->users_source);
    if (!server || server->empty() || !users || !server_source || !users_source)
        return std::nullopt;
    generation::Input input{
        .server_xml = std::string(*server),
        .users_xml = std::string(*users),
        .server_source = server_source->empty() ? "server configuration" : std::string(*server_source),
        .users_source = users_source->empty() ? "users configuration" : std::string(*users_source),
        .watched = {},
    };
    for (size_t i = 0; i < read->watched_count; ++i)
    {
        const auto path = text_of(read->watched[i]);
        if (!path)
            return std::nullopt;
        input.watched.emplace_back(*path);
    }
    return input;
}

chmtls_status create(
    const chmtls_host * host, const chmtls_configuration * configuration, chmtls_plugin ** plugin, chmtls_buffer * error) noexcept
{
    return guarded(
        error,
        [&](ErrorText & text) -> chmtls_status
        {
            if (plugin == nullptr)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "no place for the plugin");
            *plugin = nullptr;
            const auto table = read_struct(host);
            if (!table)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "the host table is null or too short");
            if (table->abi_major != CHMTLS_ABI_MAJOR)
                return text.fail(CHMTLS_ABI_MISMATCH, "the host speaks another major version of the boundary");
            auto input = input_of(configuration);
            if (!input)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "the configuration is null, too short or incomplete");

            auto instance = std::make_shared<Instance>(*table);
            if (const auto done = instance->configure(std::move(*input)); !done)
                return text.fail(CHMTLS_INVALID_CONFIGURATION, describe(done.error()));
            *plugin = handle_of<chmtls_plugin>(plugins().add(std::move(instance)));
            return CHMTLS_OK;
        });
}

void destroy(chmtls_plugin * plugin) noexcept
{
    (void)guarded(
        nullptr,
        [&](ErrorText &) -> chmtls_status
        {
            plugins().remove(number_of(plugin)); // the last reference: the destructor runs here
            return CHMTLS_OK;
        });
}

chmtls_status configure(chmtls_plugin * plugin, const chmtls_configuration * configuration, chmtls_buffer * error) noexcept
{
    return on(
        plugin, error,
        [&](Instance & instance, ErrorText & text) -> chmtls_status
        {
            auto input = input_of(configuration);
            if (!input)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "the configuration is null, too short or incomplete");
            if (const auto done = instance.configure(std::move(*input)); !done)
                return text.fail(CHMTLS_INVALID_CONFIGURATION, describe(done.error()));
            return CHMTLS_OK;
        });
}

uint32_t client_certificate_of(config::ClientCertificate mode)
{
    switch (mode)
    {
    case config::ClientCertificate::none:
        return CHMTLS_CLIENT_CERTIFICATE_NONE;
    case config::ClientCertificate::optional:
        return CHMTLS_CLIENT_CERTIFICATE_OPTIONAL;
    case config::ClientCertificate::required:
        break;
    }
    return CHMTLS_CLIENT_CERTIFICATE_REQUIRED;
}

chmtls_status listener_policy(chmtls_plugin * plugin, chmtls_bytes listener, chmtls_listener_policy * policy) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            const auto name = text_of(listener);
            if (!name || !is_writable(policy))
                return CHMTLS_INVALID_ARGUMENT;
            const auto generation = instance.current();
            const auto * found = generation->listener(*name);
            if (found == nullptr)
                return CHMTLS_NOT_FOUND;
            const auto & server = generation->settings.server;
            chmtls_listener_policy answer{};
            answer.client_certificate = client_certificate_of(found->client_certificate);
            answer.generation = generation->number;
            const auto context = Digester().add(ByteView(generation->digest)).add(found->name).finish();
            static_assert(sizeof(answer.session_id_context) == std::tuple_size_v<Digest32>);
            std::copy(context.begin(), context.end(), answer.session_id_context);
            answer.min_tls_version = static_cast<uint16_t>(server.min_version);
            answer.max_tls_version = static_cast<uint16_t>(server.max_version);
            answer.prefer_server_ciphers = server.prefer_server_ciphers ? 1 : 0;
            answer.session_tickets = server.cache_sessions ? 1 : 0;
            write_struct(answer, policy);
            return CHMTLS_OK;
        });
}

/// Nothing: unknown, or a purpose of a connection that is not ours.
std::optional<config::Purpose> purpose_of(uint32_t purpose, uint32_t peer)
{
    switch (purpose)
    {
    case CHMTLS_PURPOSE_GENERAL:
        return config::Purpose::general;
    case CHMTLS_PURPOSE_NODE:
        return peer == CHMTLS_PEER_SERVER ? std::optional(config::Purpose::node) : std::nullopt;
    case CHMTLS_PURPOSE_KEEPER:
        return peer == CHMTLS_PEER_SERVER ? std::optional(config::Purpose::keeper) : std::nullopt;
    default:
        return std::nullopt;
    }
}

chmtls_status credential(chmtls_plugin * plugin, const chmtls_credential_query * query, chmtls_credential * credential) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            const auto asked = read_struct(query);
            if (!asked || !is_writable(credential) || (asked->peer != CHMTLS_PEER_CLIENT && asked->peer != CHMTLS_PEER_SERVER))
                return CHMTLS_INVALID_ARGUMENT;
            const auto listener = text_of(asked->listener);
            const auto server_name = text_of(asked->server_name);
            const auto purpose = purpose_of(asked->purpose, asked->peer);
            if (!listener || !server_name || !purpose)
                return CHMTLS_INVALID_ARGUMENT;
            const auto generation = instance.current();
            const bool serving = asked->peer == CHMTLS_PEER_CLIENT;
            if (serving && generation->listener(*listener) == nullptr)
                return CHMTLS_NOT_FOUND;
            const auto & set = serving ? generation->server_credentials : generation->client_credentials_for(*purpose);
            const auto chosen = set == nullptr ? nullptr : set->select(serving ? *server_name : std::string_view{});
            if (chosen == nullptr)
                return CHMTLS_NOT_FOUND;
            chmtls_credential answer{};
            answer.id = chosen->id;
            answer.generation = generation->number;
            write_struct(answer, credential);
            return CHMTLS_OK;
        });
}

chmtls_status export_credential(chmtls_plugin * plugin, uint64_t id, const chmtls_sink * sink) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            if (!usable(sink))
                return CHMTLS_INVALID_ARGUMENT;
            const auto found = instance.credential(id);
            if (found == nullptr)
                return CHMTLS_NOT_FOUND;
            put(*sink, CHMTLS_ITEM_PRIVATE_KEY, bytes_of(found->key.pkcs8()));
            for (const auto & certificate : found->chain)
                put(*sink, CHMTLS_ITEM_CERTIFICATE, bytes_of(certificate.der()));
            return CHMTLS_OK;
        });
}

chmtls_status ca_names(chmtls_plugin * plugin, chmtls_bytes listener, const chmtls_sink * sink) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            const auto name = text_of(listener);
            if (!name || !usable(sink))
                return CHMTLS_INVALID_ARGUMENT;
            const auto generation = instance.current();
            const auto * found = generation->listener(*name);
            if (found == nullptr)
                return CHMTLS_NOT_FOUND;
            for (const auto & authority : policy::authority_names(*generation, *found))
                put(*sink, CHMTLS_ITEM_CA_NAME, bytes_of(ByteView(authority)));
            return CHMTLS_OK;
        });
}

void write_verdict(chmtls_verdict * to, Reason reason, uint64_t generation, UnixTime valid_until)
{
    if (to == nullptr)
        return;
    chmtls_verdict verdict{};
    verdict.tls_alert = tls_alert(reason);
    verdict.generation = generation;
    verdict.valid_until = valid_until.time_since_epoch().count();
    const auto shown = code(reason).substr(0, sizeof(verdict.reason) - 1);
    std::copy(shown.begin(), shown.end(), verdict.reason);
    write_struct(verdict, to);
}

/// The certificates as views: one more than is allowed is enough to be refused for. Nothing when one is null with a length.
std::optional<std::vector<ByteView>> chain_of(const chmtls_peer & peer)
{
    if (peer.chain == nullptr && peer.chain_len != 0)
        return std::nullopt;
    const size_t count = std::min(peer.chain_len, policy::max_chain_length + 1);
    std::vector<ByteView> chain;
    chain.reserve(count);
    for (size_t i = 0; i < count; ++i)
    {
        if (peer.chain[i].data == nullptr && peer.chain[i].len != 0)
            return std::nullopt;
        chain.emplace_back(peer.chain[i].data, peer.chain[i].len);
    }
    return chain;
}

chmtls_status verify_peer(
    chmtls_plugin * plugin, const chmtls_peer * peer, chmtls_verdict * verdict, chmtls_identity ** identity,
    chmtls_buffer * error) noexcept
{
    return guarded(
        error,
        [&](ErrorText & text) -> chmtls_status
        {
            if (identity != nullptr)
                *identity = nullptr;
            if (verdict != nullptr && !is_writable(verdict))
                return text.fail(CHMTLS_INVALID_ARGUMENT, "the verdict is too short");
            write_verdict(verdict, Reason::internal, 0, {}); // what a host sees that does not look at the status
            auto * instance = instance_of(plugin);
            if (instance == nullptr)
                return text.fail(CHMTLS_INVALID_HANDLE, not_live);
            if (identity == nullptr)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "no place for the identity");
            const auto asked = read_struct(peer);
            if (!asked || (asked->peer != CHMTLS_PEER_CLIENT && asked->peer != CHMTLS_PEER_SERVER))
                return text.fail(CHMTLS_INVALID_ARGUMENT, "the peer is null, too short or of an unknown kind");
            const auto listener = text_of(asked->listener);
            const auto remote = text_of(asked->remote_address);
            const auto expected_name = text_of(asked->expected_name);
            const auto purpose = purpose_of(asked->purpose, asked->peer);
            const auto chain = chain_of(*asked);
            if (!listener || !remote || !expected_name || !chain)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "bytes of the peer are null with a length");
            if (!purpose)
                return text.fail(CHMTLS_INVALID_ARGUMENT, "an unknown purpose, or one of a connection that is not ours");

            const auto judged = instance->verify_peer(
                {.role = asked->peer == CHMTLS_PEER_CLIENT ? policy::PeerRole::client : policy::PeerRole::server,
                 .listener = *listener,
                 .chain = *chain,
                 .expected_name = *expected_name,
                 .purpose = *purpose},
                *remote);
            if (!judged.verdict.accepted())
            {
                write_verdict(verdict, judged.verdict.reason, judged.generation, {});
                return text.fail(judged.verdict.let_through ? CHMTLS_OBSERVED : CHMTLS_REFUSED, judged.verdict.message);
            }
            *identity = handle_of<chmtls_identity>(
                identities().add(std::make_shared<HeldIdentity>(HeldIdentity{judged.verdict.identity, number_of(plugin)})));
            write_verdict(verdict, Reason::valid, judged.generation, judged.verdict.valid_until);
            return CHMTLS_OK;
        });
}

void identity_release(chmtls_identity * identity) noexcept
{
    (void)guarded(
        nullptr,
        [&](ErrorText &) -> chmtls_status
        {
            identities().remove(number_of(identity));
            return CHMTLS_OK;
        });
}

chmtls_status identity_describe(chmtls_identity * identity, const chmtls_sink * sink) noexcept
{
    return guarded(
        nullptr,
        [&](ErrorText &) -> chmtls_status
        {
            const auto held = identities().find(number_of(identity));
            if (held == nullptr || plugins().peek(held->plugin) == nullptr)
                return CHMTLS_INVALID_HANDLE;
            if (!usable(sink))
                return CHMTLS_INVALID_ARGUMENT;
            put(*sink, CHMTLS_ITEM_JSON, abi::bytes_of(policy::identity_json(*held->identity)));
            return CHMTLS_OK;
        });
}

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
                                       | CHMTLS_LOGIN_OTHER_CREDENTIALS | CHMTLS_LOGIN_AGAIN | CHMTLS_LOGIN_NO_TLS;
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
                 .without_tls = (asked->flags & CHMTLS_LOGIN_NO_TLS) != 0},
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

chmtls_status ticket_key(chmtls_plugin * plugin, chmtls_bytes name, chmtls_ticket_key * key) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            if ((name.data == nullptr && name.len != 0) || !is_writable(key))
                return CHMTLS_INVALID_ARGUMENT;
            auto found = ticket_key_at(*instance.current(), {name.data, name.len}, system_time());
            if (!found)
                return CHMTLS_NOT_FOUND;
            write_struct(*found, key);
            wipe({reinterpret_cast<uint8_t *>(&*found), sizeof *found});
            return CHMTLS_OK;
        });
}

chmtls_status status(chmtls_plugin * plugin, const chmtls_sink * sink) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            if (!usable(sink))
                return CHMTLS_INVALID_ARGUMENT;
            put(*sink, CHMTLS_ITEM_JSON, abi::bytes_of(instance.status()));
            return CHMTLS_OK;
        });
}

void report_connect(chmtls_plugin * plugin, chmtls_bytes host, uint32_t succeeded) noexcept
{
    (void)on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            const auto name = text_of(host);
            if (!name || name->empty() || name->size() > max_host_name || succeeded > 1)
                return CHMTLS_INVALID_ARGUMENT;
            instance.report_connect(*name, succeeded == 1 ? dns::Connect::succeeded : dns::Connect::failed);
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

uint64_t generation(chmtls_plugin * plugin) noexcept
{
    const auto * instance = instance_of(plugin);
    return instance == nullptr ? 0 : instance->current()->number;
}

constexpr chmtls_plugin_api table{
    .struct_size = sizeof(chmtls_plugin_api),
    .abi_major = CHMTLS_ABI_MAJOR,
    .abi_minor = CHMTLS_ABI_MINOR,
    .create = create,
    .destroy = destroy,
    .configure = configure,
    .listener_policy = listener_policy,
    .credential = credential,
    .export_credential = export_credential,
    .ca_names = ca_names,
    .verify_peer = verify_peer,
    .identity_release = identity_release,
    .identity_describe = identity_describe,
    .authorize = authorize,
    .session_opened = session_opened,
    .session_closed = session_closed,
    .ticket_key = ticket_key,
    .status = status,
    .report_connect = report_connect,
    .session_busy = session_busy,
    .generation = generation,
};

}

}

extern "C" chmtls_status chmtls_get_plugin_api(uint16_t host_abi_major, chmtls_plugin_api * api)
{
    using namespace chmtls::abi;
    return guarded(
        nullptr,
        [&](ErrorText &) -> chmtls_status
        {
            if (host_abi_major != CHMTLS_ABI_MAJOR)
                return CHMTLS_ABI_MISMATCH;
            if (api == nullptr)
                return CHMTLS_INVALID_ARGUMENT;
            const size_t fits = common_size<chmtls_plugin_api>(size_of(api));
            if (fits < Layout<chmtls_plugin_api>::required)
                return CHMTLS_INVALID_ARGUMENT;
            auto offered = table;
            offered.struct_size = static_cast<uint32_t>(fits);
            std::memcpy(api, &offered, fits);
            return CHMTLS_OK;
        });
}
