#pragma once

// What the host's OpenSSL makes of our own files. The one unit of the module that uses libssl: in memory, no socket.

#include <optional>
#include <string>

#include "config/settings.h"
#include "credentials/credential.h"

namespace chmtls::credentials
{

/// OpenSSL's security level for connections of this section: its own default, or what cipherList says (@SECLEVEL=N).
[[nodiscard]] int security_level(const config::TlsSection & section);

enum class Side
{
    server,
    client,
};

/// Makes a handshake in which our side has this section's settings and shows `credential`, and the other one takes everything.
/// Nothing: it succeeded. Else what OpenSSL says, such as "ee key too small". Costs one handshake.
[[nodiscard]] std::optional<std::string>
handshake_defect(const Credential & credential, Side side, const config::TlsSection & section);

enum class DhParameters
{
    good,
    weak, ///< OpenSSL does not use them at this section's security level
    unreadable,
};

/// Of a dhParamsFile: `openssl dhparam`, with -dsaparam or without.
[[nodiscard]] DhParameters judge_dh_parameters(ByteView pem, const config::TlsSection & section);

}
