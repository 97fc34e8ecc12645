#include "abi/entry.h"

#include <optional>

#include "abi/entry_support.h"
#include "abi/structs.h"

namespace chmtls::abi::entry
{

namespace
{

/// RFC 1035 2.3.4, with a dot at the end.
constexpr size_t max_host_name = 254;

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
        .server_xml = {},
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
    input.server_xml = *server; // it may hold passphrases, and is wiped by whom it is given to: nothing may fail from here on
    return input;
}

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

uint64_t generation(chmtls_plugin * plugin) noexcept
{
    const auto * instance = instance_of(plugin);
    return instance == nullptr ? 0 : instance->current()->number;
}

chmtls_status host_policy(chmtls_plugin * plugin, chmtls_host_policy * policy) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            if (!is_writable(policy))
                return CHMTLS_INVALID_ARGUMENT;
            const auto generation = instance.current();
            const auto & settings = generation->settings;
            chmtls_host_policy answer{};
            answer.core_dumps = settings.core_dumps ? 1 : 0;
            answer.handshake_timeout_ms
                = static_cast<uint32_t>(std::chrono::milliseconds(settings.unfinished.handshake_timeout).count());
            answer.max_unfinished = settings.unfinished.total;
            answer.max_unfinished_per_address = settings.unfinished.per_address;
            write_struct(answer, policy);
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

chmtls_status names_host(chmtls_plugin * plugin, chmtls_bytes host) noexcept
{
    return on(
        plugin, nullptr,
        [&](Instance & instance, ErrorText &) -> chmtls_status
        {
            const auto name = text_of(host);
            if (!name || name->empty() || name->size() > max_host_name)
                return CHMTLS_INVALID_ARGUMENT;
            return instance.names_host(*name) ? CHMTLS_OK : CHMTLS_NOT_FOUND;
        });
}

}
