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

const std::shared_ptr<const credentials::CredentialSet> & Generation::client_credentials_for(config::Purpose purpose) const
{
    if (purpose == config::Purpose::node && node_credentials != nullptr)
        return node_credentials;
    if (purpose == config::Purpose::keeper && keeper_credentials != nullptr)
        return keeper_credentials;
    return client_credentials;
}

}
