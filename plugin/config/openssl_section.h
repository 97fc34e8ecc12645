#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace chmtls::config
{

/// openSSL.server or openSSL.client as ClickHouse documents them; absent keys have the documented defaults, with these
/// exceptions:
/// - loadDefaultCAFile is false unless it is set: the system's authorities are believed only when asked for.
/// - The oldest version is TLS 1.2 unless requireTLSv1 or requireTLSv1_1 ask for another.
/// - "require TLSv1.2" means that version and no other, as the documentation says; "1.2 or newer" is the default anyway.
[[nodiscard]] TlsSection
read_tls_section(const Element & element, const std::string & path, Findings & findings, std::vector<std::string> & warnings);

/// privateKeyPassphraseHandler of any section that has a key.
[[nodiscard]] std::string read_passphrase(Section & section, Findings & findings);

}
