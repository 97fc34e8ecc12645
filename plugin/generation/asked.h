#pragma once

// What was asked for: the host's text, parsed. No file is opened for it.

#include <string>
#include <vector>

#include "base/secret.h"
#include "config/user_rights.h"
#include "generation/generation.h"

namespace chmtls::generation
{

/// What the host gave us, as text.
struct Input
{
    std::string server_xml;
    std::string users_xml;
    std::string server_source;
    std::string users_source;
    std::vector<std::string> watched; ///< the files both came from
    [[nodiscard]] bool operator==(const Input &) const = default;
};

/// An Input, parsed. Passphrases are in guarded memory and nowhere in `settings`.
struct Asked
{
    config::Settings settings;
    std::vector<config::UserSection> users;
    std::vector<config::UserRights> user_rights;                 ///< of those that nodes act as
    std::vector<config::UserRights> rights_of_certificate_users; ///< of those with <ssl_certificates>
    std::vector<config::UserRights> every_user;                  ///< for warnings alone, so no part of the digest
    std::vector<config::UserRights> open_users;                  ///< with <nodes>: as whom everybody may log in
    bool reachable = false;                                      ///< as config::ParsedServer
    ByUse<SecretBytes> passphrases;
    std::vector<SecretBytes> sni_passphrases; ///< by position in settings.sni
    Errors errors;                            ///< of both documents; with any, nothing can be built
    std::vector<std::string> watched;
    std::string users_source;
};

[[nodiscard]] Asked ask(const Input & input);

/// Has it any TLS listener? Without one the files of openSSL.server serve nobody, and those of the packaged configuration are not
/// even there.
[[nodiscard]] bool serves_tls(const config::Settings & settings);

}
