#include "fake_module.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace chmtls::test
{
namespace
{

FakeModule * active = nullptr;

FakeModule & of(chmtls_plugin * plugin)
{
    return *reinterpret_cast<FakeModule *>(plugin);
}

chmtls_bytes view(const Bytes & bytes)
{
    return {bytes.data(), bytes.size()};
}

chmtls_status create(const chmtls_host *, const chmtls_configuration *, chmtls_plugin ** plugin, chmtls_buffer *)
{
    *plugin = reinterpret_cast<chmtls_plugin *>(active);
    return CHMTLS_OK;
}

void destroy(chmtls_plugin *) {}

chmtls_status listener_policy(chmtls_plugin * plugin, chmtls_bytes, chmtls_listener_policy * policy)
{
    *policy = of(plugin).policy;
    return of(plugin).policy_status;
}

chmtls_status credential(chmtls_plugin * plugin, const chmtls_credential_query * query, chmtls_credential * credential)
{
    auto & fake = of(plugin);
    fake.asked_credential_peer = query->peer;
    fake.asked_server_name = text_of(query->server_name);
    fake.asked_credential_purpose = query->purpose;
    fake.asked_named_by = query->named_by;
    fake.asked_asker = text_of(query->asker);
    *credential = fake.credential;
    return fake.credential_status;
}

chmtls_status export_credential(chmtls_plugin * plugin, uint64_t, const chmtls_sink * sink)
{
    auto & fake = of(plugin);
    ++fake.exports;
    sink->put(sink->context, CHMTLS_ITEM_PRIVATE_KEY, view(fake.key));
    for (const auto & certificate : fake.certificates)
        sink->put(sink->context, CHMTLS_ITEM_CERTIFICATE, view(certificate));
    return fake.export_status;
}

chmtls_status ca_names(chmtls_plugin * plugin, chmtls_bytes, const chmtls_sink * sink)
{
    for (const auto & name : of(plugin).ca_names)
        sink->put(sink->context, CHMTLS_ITEM_CA_NAME, view(name));
    return of(plugin).ca_names_status;
}

chmtls_status verify_peer(
    chmtls_plugin * plugin, const chmtls_peer * peer, chmtls_verdict * verdict, chmtls_identity ** identity,
    chmtls_buffer * error)
{
    auto & fake = of(plugin);
    ++fake.judgements;
    fake.asked_peer = peer->peer;
    fake.asked_listener = text_of(peer->listener);
    fake.asked_name = text_of(peer->expected_name);
    fake.asked_purpose = peer->purpose;
    fake.asked_chain_length = peer->chain_len;
    verdict->tls_alert = fake.verify_alert;
    verdict->generation = fake.policy.generation;
    if (fake.verify_gives_identity)
    {
        *identity = reinterpret_cast<chmtls_identity *>(&fake);
        ++fake.identities_out;
    }
    const auto size = std::min(fake.verify_text.size(), error->capacity - 1);
    std::memcpy(error->data, fake.verify_text.data(), size);
    error->data[size] = '\0';
    error->needed = fake.verify_text.size() + 1;
    return fake.verify_status;
}

void identity_release(chmtls_identity * identity)
{
    --reinterpret_cast<FakeModule *>(identity)->identities_out;
}

chmtls_status ticket_key(chmtls_plugin * plugin, chmtls_bytes name, chmtls_ticket_key * key)
{
    auto & fake = of(plugin);
    if (fake.ticket_status != CHMTLS_OK)
        return fake.ticket_status;
    if (name.len != 0 && name.data[0] != fake.ticket_key_name)
        return CHMTLS_NOT_FOUND;
    std::fill(std::begin(key->name), std::end(key->name), fake.ticket_key_name);
    std::fill(std::begin(key->aes_key), std::end(key->aes_key), uint8_t{2});
    std::fill(std::begin(key->hmac_key), std::end(key->hmac_key), uint8_t{3});
    return CHMTLS_OK;
}

chmtls_status get_api(uint16_t, chmtls_plugin_api * api)
{
    const auto offered = api->struct_size;
    *api = {};
    api->struct_size = active->table_size == 0 ? offered : active->table_size;
    api->abi_major = CHMTLS_ABI_MAJOR;
    api->abi_minor = active->abi_minor;
    api->create = create;
    api->destroy = destroy;
    api->listener_policy = listener_policy;
    api->credential = credential;
    api->export_credential = export_credential;
    api->ca_names = ca_names;
    api->verify_peer = verify_peer;
    api->identity_release = identity_release;
    api->ticket_key = ticket_key;
    return CHMTLS_OK;
}

}

FakeModule::FakeModule()
{
    active = this;
    policy.struct_size = sizeof(policy);
    policy.client_certificate = CHMTLS_CLIENT_CERTIFICATE_REQUIRED;
    policy.generation = 1;
    policy.session_id_context[0] = 1;
    policy.min_tls_version = 0x0303;
    policy.max_tls_version = 0x0304;
    policy.session_tickets = 1;
    credential.struct_size = sizeof(credential);
    credential.id = 1;
    credential.generation = 1;
}

FakeModule::~FakeModule()
{
    active = nullptr;
}

std::shared_ptr<Plugin> FakeModule::plugin()
{
    auto loaded = Module::from(get_api);
    auto created = Plugin::create(loaded.module, {}, nullptr);
    if (!created.outcome.ok())
        throw std::runtime_error(created.outcome.message);
    return created.plugin;
}

}
