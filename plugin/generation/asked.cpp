#include "generation/asked.h"

#include <algorithm>

#include "config/dns_section.h"
#include "config/parser.h"

namespace chmtls::generation
{

namespace
{

SecretBytes take_secret(std::string & text)
{
    SecretBytes result(as_bytes(text));
    wipe({reinterpret_cast<uint8_t *>(text.data()), text.size()});
    text.clear();
    text.shrink_to_fit();
    return result;
}

}

bool serves_tls(const config::Settings & settings)
{
    return !settings.listeners.empty();
}

Asked ask(const Input & input)
{
    Asked asked;
    config::ParsedServer parsed = config::parse_server_all(input.server_xml, input.server_source);
    asked.settings = std::move(parsed.settings);
    asked.errors = std::move(parsed.errors);
    asked.reachable = parsed.reachable;
    if (auto users = config::parse_users(input.users_xml, input.users_source))
    {
        asked.users = std::move(*users);
        config::add_hosts_of_users(input.users_xml, asked.settings.dns);
    }
    else
        asked.errors.insert(asked.errors.end(), users.error().begin(), users.error().end());
    asked.every_user = config::read_user_rights(input.users_xml, input.users_source);
    for (const config::UserRights & rights : asked.every_user)
    {
        if (std::any_of(
                asked.users.begin(), asked.users.end(),
                [&](const config::UserSection & each) { return each.user == rights.user; }))
            asked.rights_of_certificate_users.push_back(rights);
        if (!asked.settings.nodes)
            continue;
        if (rights.open)
            asked.open_users.push_back(rights);
        const auto & acts_as = asked.settings.nodes->acts_as;
        if (std::find(acts_as.begin(), acts_as.end(), rights.user) != acts_as.end())
            asked.user_rights.push_back(rights);
    }
    asked.passphrases[Use::server] = take_secret(asked.settings.server.passphrase);
    asked.passphrases[Use::client] = take_secret(asked.settings.client.passphrase);
    for (config::SniCertificate & certificate : asked.settings.sni)
        asked.sni_passphrases.push_back(take_secret(certificate.passphrase));
    if (auto & node = asked.settings.node_certificate)
        asked.passphrases[Use::node] = take_secret(node->passphrase);
    if (auto & keeper = asked.settings.keeper_certificate)
        asked.passphrases[Use::keeper] = take_secret(keeper->passphrase);
    asked.watched = input.watched;
    asked.users_source = input.users_source;
    return asked;
}

}
