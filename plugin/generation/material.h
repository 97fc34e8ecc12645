#pragma once

// What a configuration names, and what lay there at one moment. It is listed in one place (gather), and whoever builds is given
// this and no FileSet: a file that the builder asks for and nobody has read cannot be.

#include <optional>

#include "generation/asked.h"
#include "generation/pieces.h"

namespace chmtls::generation
{

/// A key and its certificate.
struct CredentialMaterial
{
    Use use = Use::server;
    std::optional<size_t> sni{}; ///< its position in settings.sni; nothing: it is the one that is shown when no name fits
    std::string field;           ///< of the configuration, that names it
    std::string certificate_file;
    std::string private_key_file;
    std::vector<std::string> server_names;
    const Result<SecretFileContent> * key = nullptr;
    const Result<FileContent> * certificate = nullptr; ///< null: in the key's file, and it stays in guarded memory
};

/// Of openSSL.server or openSSL.client.
struct SectionMaterial
{
    std::string ca_config; ///< empty: none is named, or nobody needs it
    std::vector<Piece> authorities;
    std::optional<Piece> dh_params;
};

/// One <crl>.
struct ListMaterial
{
    std::string path;
    std::vector<Piece> pieces;
};

struct DomainMaterial
{
    Piece bundle;
    std::vector<ListMaterial> lists; ///< for this domain alone
};

/// A key that signs policy files.
struct PublicKeyMaterial
{
    std::string text;                              ///< the path, or the key itself
    const Result<FileContent> * content = nullptr; ///< null: the key itself
};

/// A file that has to be signed.
struct SignedMaterial
{
    Piece file;
    std::string field;         ///< of the configuration, that names it
    bool in_directory = false; ///< the configuration names the directory only
    const Result<FileContent> * signature = nullptr;
};

struct Material
{
    std::vector<CredentialMaterial> credentials; ///< those that name a key file
    SectionMaterial server;
    SectionMaterial client;
    std::vector<Piece> system_authorities;     ///< empty as well when no section asks for them
    std::vector<std::string> system_paths;     ///< where they were looked for; likewise
    std::vector<DomainMaterial> trust_domains; ///< in the configuration's order
    std::vector<ListMaterial> lists;
    std::vector<Piece> rules;
    std::vector<PublicKeyMaterial> public_keys;
    std::vector<SignedMaterial> signed_files;
};

/// Reads all of it. Borrows from `files`.
[[nodiscard]] Material gather(FileSet & files, const config::Settings & settings);

}
