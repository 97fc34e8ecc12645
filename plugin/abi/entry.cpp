#include "abi/entry.h"

#include "abi/entry_support.h"
#include "abi/structs.h"

namespace chmtls::abi
{

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

namespace
{

constexpr chmtls_plugin_api table{
    .struct_size = sizeof(chmtls_plugin_api),
    .abi_major = CHMTLS_ABI_MAJOR,
    .abi_minor = CHMTLS_ABI_MINOR,
    .create = entry::create,
    .destroy = entry::destroy,
    .configure = entry::configure,
    .listener_policy = entry::listener_policy,
    .credential = entry::credential,
    .export_credential = entry::export_credential,
    .ca_names = entry::ca_names,
    .verify_peer = entry::verify_peer,
    .identity_release = entry::identity_release,
    .identity_describe = entry::identity_describe,
    .authorize = entry::authorize,
    .session_opened = entry::session_opened,
    .session_closed = entry::session_closed,
    .ticket_key = entry::ticket_key,
    .status = entry::status,
    .report_connect = entry::report_connect,
    .session_busy = entry::session_busy,
    .generation = entry::generation,
    .names_host = entry::names_host,
    .authorize_query = entry::authorize_query,
    .host_policy = entry::host_policy,
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
