#include "generation/generation.h"

namespace chmtls::generation
{

const config::Listener * Generation::listener(std::string_view name) const
{
    for (const config::Listener & each : settings.listeners)
        if (each.name == name)
            return &each;
    return nullptr;
}

const std::shared_ptr<const credentials::CredentialSet> &
Generation::client_credentials_for(config::Purpose purpose, std::optional<std::string_view> asker) const
{
    const bool by_statement = asker && (nodes == nullptr || !nodes->table_functions.contains(*asker));
    if (purpose == config::Purpose::general || by_statement)
        return general_credentials;
    const auto & own = purpose == config::Purpose::node ? node_credentials : keeper_credentials;
    return own != nullptr ? own : client_credentials;
}

}
