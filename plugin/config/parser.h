#pragma once

#include "config/settings.h"

namespace chmtls::config
{

/// What could be read of a server configuration, and everything that is wrong with it. With errors, `settings` holds the parts
/// that were understood, so that the files they name can be checked in the same run; it must not be put in force.
struct ParsedServer
{
    Settings settings;
    Errors errors;
    bool reachable = false; ///< a listen_host is more than loopback
};
[[nodiscard]] ParsedServer parse_server_all(std::string_view xml, const std::string & source);

/// Reads the merged server configuration (root <clickhouse> or <yandex>). Unknown keys and unknown words inside <mtls> and
/// openSSL.* are errors, all reported at once, each with line, key, reason and remedy. Keys are named as ClickHouse names them:
/// of several <rule> elements the first is rule[0]. No file named in it is opened. `source` names the document in errors.
[[nodiscard]] Checked<Settings> parse_server(std::string_view xml, const std::string & source);

/// Is this key of a user something but a certificate that ClickHouse lets the user in with?
[[nodiscard]] bool is_other_authentication(std::string_view key);

/// The users that have <ssl_certificates>, values as written. An empty value is refused and its user named. Empty input: none.
[[nodiscard]] Checked<std::vector<UserSection>> parse_users(std::string_view xml, const std::string & source);

}
