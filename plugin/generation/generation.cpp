#include "generation/generation.h"

namespace chmtls::generation
{

std::string_view name(Use use)
{
    switch (use)
    {
    case Use::server:
        return "server";
    case Use::client:
        return "client";
    case Use::node:
        return "node";
    case Use::keeper:
        break;
    }
    return "keeper";
}

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
    const auto & own = credentials[purpose == config::Purpose::node ? Use::node : Use::keeper];
    return own != nullptr ? own : credentials[Use::client];
}

std::shared_ptr<const credentials::Credential> Generation::credential(uint64_t id) const
{
    for (const auto & set : credentials.values)
        if (set != nullptr)
            if (auto found = set->find(id))
                return found;
    return nullptr;
}

}
