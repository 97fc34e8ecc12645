#include "generation/material.h"

#include <fmt/format.h>

#include "generation/system_authorities.h"
#include "signature/minisign.h"

namespace chmtls::generation
{

namespace
{

class Gatherer
{
public:
    Gatherer(FileSet & files, const config::Settings & settings) : files_(files), settings_(settings) {}

    Material run()
    {
        if (serves_tls(settings_))
            result_.server = section(settings_.server);
        result_.client = section(settings_.client);
        if ((serves_tls(settings_) && settings_.server.load_default_ca_file) || settings_.client.load_default_ca_file)
        {
            result_.system_authorities = system_authority_files(files_);
            result_.system_paths = system_authority_paths();
        }
        add_credentials();
        for (const config::TrustDomain & domain : settings_.trust_domains)
            result_.trust_domains.push_back({file(domain.bundle_file), lists(domain.crl_files)});
        result_.lists = lists(settings_.crl_files);
        for (const std::string & path : settings_.rules_files)
            result_.rules.push_back(file(path));
        add_signatures();
        return std::move(result_);
    }

private:
    Piece file(const std::string & path) { return {path, &files_.read(path)}; }

    SectionMaterial section(const config::TlsSection & asked)
    {
        SectionMaterial result{asked.ca_config, authority_files(files_, asked.ca_config), std::nullopt};
        if (!asked.dh_params_file.empty())
            result.dh_params = file(asked.dh_params_file);
        return result;
    }

    std::vector<ListMaterial> lists(const std::vector<std::string> & paths)
    {
        std::vector<ListMaterial> result;
        for (const std::string & path : paths)
            result.push_back({path, crl_files(files_, path)});
        return result;
    }

    void add_credentials()
    {
        if (serves_tls(settings_))
            add_credential(Use::server, "openSSL.server", settings_.server);
        for (size_t i = 0; i < settings_.sni.size(); ++i)
            if (auto * added
                = add_credential(Use::server, fmt::format("mtls.server_certificates.certificate[{}]", i), settings_.sni[i]))
            {
                added->sni = i;
                added->server_names = settings_.sni[i].server_names;
            }
        add_credential(Use::client, "openSSL.client", settings_.client);
        if (settings_.node_certificate)
            add_credential(Use::node, "mtls.credentials.node", *settings_.node_certificate);
        if (settings_.keeper_certificate)
            add_credential(Use::keeper, "mtls.credentials.keeper", *settings_.keeper_certificate);
    }

    /// Null: it names no key.
    template <typename Section>
    CredentialMaterial * add_credential(Use use, std::string field, const Section & asked)
    {
        if (asked.private_key_file.empty())
            return nullptr;
        const bool in_one = asked.certificate_file == asked.private_key_file;
        result_.credentials.push_back(
            {.use = use,
             .field = std::move(field),
             .certificate_file = asked.certificate_file,
             .private_key_file = asked.private_key_file,
             .server_names = {},
             .key = &files_.read_secret(asked.private_key_file),
             .certificate = in_one ? nullptr : &files_.read(asked.certificate_file)});
        return &result_.credentials.back();
    }

    // ---- what has to be signed, and by whom ----

    /// A key written into the configuration itself: base64, which has no dot; everything else is a path.
    static bool is_inline(const std::string & key) { return key.starts_with("RW") && key.find('.') == std::string::npos; }

    void add_signed(const Piece & piece, std::string field, bool in_directory = false)
    {
        result_.signed_files.push_back(
            {piece, std::move(field), in_directory, &files_.read(signature_file(piece.path), signature::max_signature_file)});
    }

    void add_signed(const std::vector<ListMaterial> & lists, const std::string & field)
    {
        for (const ListMaterial & list : lists)
            for (const Piece & piece : list.pieces)
                add_signed(piece, field, piece.path != list.path);
    }

    void add_signatures()
    {
        for (const std::string & key : settings_.signed_policy.public_keys)
            result_.public_keys.push_back({key, is_inline(key) ? nullptr : &files_.read(key, signature::max_public_key_file)});
        const auto & required = settings_.signed_policy.required;
        if (required.contains(config::PolicyFile::rules))
            for (const Piece & piece : result_.rules)
                add_signed(piece, "mtls.users.rules_file");
        if (required.contains(config::PolicyFile::bundles))
            for (size_t i = 0; i < result_.trust_domains.size(); ++i)
                add_signed(result_.trust_domains[i].bundle, fmt::format("mtls.trust_domains.trust_domain[{}].bundle", i));
        if (!required.contains(config::PolicyFile::crls))
            return;
        add_signed(result_.lists, "mtls.crl");
        for (size_t i = 0; i < result_.trust_domains.size(); ++i)
            add_signed(result_.trust_domains[i].lists, fmt::format("mtls.trust_domains.trust_domain[{}].crl", i));
    }

    FileSet & files_;
    const config::Settings & settings_;
    Material result_;
};

}

Material gather(FileSet & files, const config::Settings & settings)
{
    return Gatherer(files, settings).run();
}

}
