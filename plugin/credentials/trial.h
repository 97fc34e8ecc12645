#pragma once

// What the host's OpenSSL makes of our own files. The one unit of the module that uses libssl: in memory, no socket.

#include <optional>
#include <string>

#include "credentials/credential.h"

namespace chmtls::credentials
{

/// What the host makes connections with, as far as a certificate is concerned.
struct TlsSettings
{
    std::string cipher_list;       ///< OpenSSL's words; empty: its default
    int least_version = 0x0303;    ///< as on the wire: TLS 1.2
    int greatest_version = 0x0304; ///< TLS 1.3
};

/// OpenSSL's security level for such connections: its own default, or what the cipher list says (@SECLEVEL=N).
[[nodiscard]] int security_level(const std::string & cipher_list);

enum class Side
{
    server,
    client,
};

/// Makes a handshake in which our side has these settings and shows `credential`, and the other one takes everything.
/// Nothing: it succeeded. Else what OpenSSL says, such as "ee key too small". Costs one handshake.
[[nodiscard]] std::optional<std::string> handshake_defect(const Credential & credential, Side side, const TlsSettings & settings);

enum class DhParameters
{
    good,
    weak, ///< OpenSSL does not use them at this security level
    unreadable,
};

/// Of a dhParamsFile: `openssl dhparam`, with -dsaparam or without.
[[nodiscard]] DhParameters judge_dh_parameters(ByteView pem, const std::string & cipher_list);

}
