#pragma once

// The two steps in front of a generation: what was asked for, and the files of one moment.

#include "config/user_rights.h"
#include "files/file_set.h"
#include "generation/loader.h"
#include "signature/sequences.h"

namespace chmtls::generation
{

using files::Contents;
using files::FileSet;

/// An Input, parsed. Passphrases are in guarded memory and nowhere in `settings`.
struct Asked
{
    config::Settings settings;
    std::vector<config::UserSection> users;
    std::vector<config::UserRights> user_rights;                 ///< of those that nodes act as
    std::vector<config::UserRights> rights_of_certificate_users; ///< of those with <ssl_certificates>
    std::vector<config::UserRights> every_user;                  ///< for warnings alone, so no part of the digest
    bool reachable = false;                                      ///< as config::ParsedServer
    std::vector<config::UserRights> open_users;                  ///< with <nodes>: as whom everybody may log in
    SecretBytes server_passphrase;
    SecretBytes client_passphrase;
    SecretBytes node_passphrase;
    SecretBytes keeper_passphrase;
    std::vector<SecretBytes> sni_passphrases; ///< by position in settings.sni
    Errors errors;                            ///< of both documents; with any, nothing can be built
    std::vector<std::string> watched;
    std::string users_source;
};

[[nodiscard]] Asked ask(const Input & input);

/// Everything that `asked` names, read at one moment.
struct Reading
{
    FileSet files;
    Digest32 digest{};                      ///< over what was asked and what was read
    Result<signature::Sequences> sequences; ///< that the state file remembers; our own file, so no part of the digest
    bool torn = false; ///< files changed while they were read, several times over: nothing may be built from it
};

[[nodiscard]] Reading read(const Asked & asked);

/// Has it any TLS listener? Without one the files of openSSL.server serve nobody, and those of the packaged configuration are not
/// even there.
[[nodiscard]] bool serves_tls(const config::Settings & settings);

/// Of what was asked and of the contents of `files`.
[[nodiscard]] Digest32 digest_of(const Asked & asked, const FileSet & files);

/// A file, or the files of a directory.
struct Piece
{
    std::string path;
    const Result<FileContent> * content;
};

/// The files behind caConfig: the file, or of a directory those that OpenSSL would look up there (SSL_CTX_load_verify_locations):
/// hhhhhhhh.N, eight hex digits (small letters) of the subject's hash and a number.
[[nodiscard]] std::vector<Piece> authority_files(FileSet & files, const std::string & ca_config);

/// The files behind <crl>: the file, or every file of a directory but for signatures.
[[nodiscard]] std::vector<Piece> crl_files(FileSet & files, const std::string & path);

/// The default certificate, and its key in the same file or another. Key and certificate in one file stay in guarded memory.
struct CredentialFiles
{
    const Result<SecretFileContent> & key;
    const Result<FileContent> * certificate; ///< null: in the key's file
};
[[nodiscard]] CredentialFiles
credential_files(FileSet & files, const std::string & certificate_file, const std::string & private_key_file);

/// Checks everything in `reading` and builds a generation from it; its number is not set. `previous` may be null: a certificate
/// that is in force already and has not changed is kept although it has expired meanwhile, with a warning, so that it does not
/// keep news of trust from being taken.
[[nodiscard]] Checked<std::shared_ptr<Generation>>
build(const Asked & asked, Reading & reading, UnixTime now, const Generation * previous);

}
