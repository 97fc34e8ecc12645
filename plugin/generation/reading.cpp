#include "generation/reading.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/dns_section.h"
#include "config/parser.h"
#include "config/settings_digest.h"
#include "generation/signed_files.h"
#include "generation/system_authorities.h"

namespace chmtls::generation
{

namespace
{

/// Readings of files that somebody is writing are thrown away and begun again, so often.
constexpr int max_readings = 4;

SecretBytes take_secret(std::string & text)
{
    SecretBytes result(as_bytes(text));
    wipe({reinterpret_cast<uint8_t *>(text.data()), text.size()});
    text.clear();
    text.shrink_to_fit();
    return result;
}

bool is_hash_name(std::string_view name)
{
    const auto is_digit = [](char c)
    {
        return c >= '0' && c <= '9';
    };
    const auto is_hex = [&](char c)
    {
        return is_digit(c) || (c >= 'a' && c <= 'f');
    };
    return name.size() > 9 && name[8] == '.' && std::all_of(name.begin(), name.begin() + 8, is_hex)
           && std::all_of(name.begin() + 9, name.end(), is_digit);
}

template <typename Wanted>
std::vector<Piece> pieces(FileSet & files, const std::string & path, const Wanted & wanted)
{
    if (path.empty())
        return {};
    const std::optional<std::vector<std::string>> names = files.list(path);
    if (!names)
        return {{path, &files.read(path)}};
    std::vector<Piece> result;
    for (const std::string & name : *names)
        if (wanted(name))
        {
            const std::string file = fmt::format("{}{}{}", path, path.ends_with('/') ? "" : "/", name);
            result.push_back({file, &files.read(file)});
        }
    return result;
}

void read_section(FileSet & files, const config::TlsSection & section)
{
    if (!section.private_key_file.empty())
        (void)credential_files(files, section.certificate_file, section.private_key_file);
    (void)authority_files(files, section.ca_config);
    if (section.load_default_ca_file)
        (void)system_authority_files(files);
    if (!section.dh_params_file.empty())
        (void)files.read(section.dh_params_file);
}

void read_all(FileSet & files, const config::Settings & settings)
{
    if (serves_tls(settings))
        read_section(files, settings.server);
    read_section(files, settings.client);
    for (const config::SniCertificate & certificate : settings.sni)
        if (!certificate.private_key_file.empty())
            (void)credential_files(files, certificate.certificate_file, certificate.private_key_file);
    for (const auto & certificate : {settings.node_certificate, settings.keeper_certificate})
        if (certificate && !certificate->private_key_file.empty())
            (void)credential_files(files, certificate->certificate_file, certificate->private_key_file);
    for (const config::TrustDomain & domain : settings.trust_domains)
    {
        (void)files.read(domain.bundle_file);
        for (const std::string & path : domain.crl_files)
            (void)crl_files(files, path);
    }
    for (const std::string & path : settings.crl_files)
        (void)crl_files(files, path);
    for (const std::string & path : settings.rules_files)
        (void)files.read(path);
    read_signatures(files, settings);
}

}

std::vector<Piece> authority_files(FileSet & files, const std::string & ca_config)
{
    return pieces(files, ca_config, is_hash_name);
}

std::vector<Piece> crl_files(FileSet & files, const std::string & path)
{
    return pieces(files, path, [](const std::string & name) { return !name.ends_with(signature_file("")); });
}

CredentialFiles credential_files(FileSet & files, const std::string & certificate_file, const std::string & private_key_file)
{
    const Result<SecretFileContent> & key = files.read_secret(private_key_file);
    return {key, certificate_file == private_key_file ? nullptr : &files.read(certificate_file)};
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
    asked.server_passphrase = take_secret(asked.settings.server.passphrase);
    asked.client_passphrase = take_secret(asked.settings.client.passphrase);
    for (config::SniCertificate & certificate : asked.settings.sni)
        asked.sni_passphrases.push_back(take_secret(certificate.passphrase));
    if (auto & node = asked.settings.node_certificate)
        asked.node_passphrase = take_secret(node->passphrase);
    if (auto & keeper = asked.settings.keeper_certificate)
        asked.keeper_passphrase = take_secret(keeper->passphrase);
    asked.watched = input.watched;
    asked.users_source = input.users_source;
    return asked;
}

Reading read(const Asked & asked)
{
    Reading reading;
    for (int attempt = 0; attempt < max_readings; ++attempt)
    {
        reading.files = FileSet();
        if (asked.settings.enabled)
            read_all(reading.files, asked.settings);
        reading.torn = reading.files.changed();
        if (!reading.torn)
            break;
    }
    reading.sequences = read_sequences(asked.settings.signed_policy);
    reading.digest = digest_of(asked, reading.files);
    return reading;
}

Digest32 digest_of(const Asked & asked, const FileSet & files)
{
    Digester digester;
    digester.add(ByteView(config::digest_of(asked.settings)));
    digester.add(ByteView(config::digest_of(asked.users)));
    digester.add(ByteView(config::digest_of(asked.user_rights)));
    digester.add(ByteView(config::digest_of(asked.rights_of_certificate_users)));
    digester.add(ByteView(config::digest_of(asked.open_users)));
    digester.add(ByteView(files.digest()));
    return digester.finish();
}

}
