#include "abi/entry.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "abi/entry_support.h"
#include "abi/structs.h"
#include "policy/authorities.h"
#include "policy/describe.h"

namespace chmtls::abi::entry
{

namespace
{

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

/// Nothing: unknown, or one of a connection that is not ours. Within: the asker, when a statement named the server.
std::optional<std::optional<std::string_view>> asker_of(const chmtls_credential_query & query)
{
    const auto asker = text_of(query.asker);
    if (query.named_by == CHMTLS_NAMED_BY_CONFIGURATION && asker && asker->empty())
        return std::optional<std::string_view>();
    if (query.named_by == CHMTLS_NAMED_BY_STATEMENT && query.peer == CHMTLS_PEER_SERVER && asker)
        return asker;
    return std::nullopt;
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

chmtls_ticket_key key_of(const credentials::TicketKeyOfAge & key)
{
    chmtls_ticket_key result{};
    static_assert(
        sizeof(result.name) == sizeof(key.name) && sizeof(result.aes_key) == sizeof(key.aes)
        && sizeof(result.hmac_key) == sizeof(key.hmac));
    result.renew = key.renew ? 1 : 0;
    std::copy(key.name.begin(), key.name.end(), result.name);
    std::copy(key.aes.begin(), key.aes.end(), result.aes_key);
    std::copy(key.hmac.begin(), key.hmac.end(), result.hmac_key);
    return result;
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
            const auto asker = asker_of(*asked);
            if (!listener || !server_name || !purpose || !asker)
                return CHMTLS_INVALID_ARGUMENT;
            const auto generation = instance.current();
            const bool serving = asked->peer == CHMTLS_PEER_CLIENT;
            if (serving && generation->listener(*listener) == nullptr)
                return CHMTLS_NOT_FOUND;
            const auto & set = serving ? generation->credentials[generation::Use::server]
                                       : generation->client_credentials_for(*purpose, *asker);
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

chmtls_status ticket_key(chmtls_plugin * plugin, chmtls_bytes name, chmtls_ticket_key * key) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            if ((name.data == nullptr && name.len != 0) || !is_writable(key))
                return CHMTLS_INVALID_ARGUMENT;
            const auto generation = instance.current();
            const auto found
                = credentials::ticket_key_at(generation->ticket_key, generation->loaded_at, {name.data, name.len}, system_time());
            if (!found)
                return CHMTLS_NOT_FOUND;
            auto bytes = key_of(*found);
            write_struct(bytes, key);
            wipe({reinterpret_cast<uint8_t *>(&bytes), sizeof bytes});
            return CHMTLS_OK;
        });
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
            const auto * const instance = held == nullptr ? nullptr : plugins().peek(held->plugin);
            if (instance == nullptr)
                return CHMTLS_INVALID_HANDLE;
            if (!usable(sink))
                return CHMTLS_INVALID_ARGUMENT;
            put(*sink, CHMTLS_ITEM_JSON, abi::bytes_of(policy::identity_json(*held->identity, *instance->current())));
            return CHMTLS_OK;
        });
}

}
