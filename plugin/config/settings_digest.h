#pragma once

#include "base/bytes.h"
#include "config/settings.h"
#include "config/user_rights.h"

namespace chmtls::config
{

/// Over everything that was asked for. Not over passphrases (a digest is shown in status, and a passphrase can be guessed from
/// it; a wrong one shows itself by the key that cannot be read) and not over warnings.
[[nodiscard]] Digest32 digest_of(const Settings & settings);
[[nodiscard]] Digest32 digest_of(const std::vector<UserSection> & users);
[[nodiscard]] Digest32 digest_of(const std::vector<UserRights> & users);

}
