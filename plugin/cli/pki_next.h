#pragma once

// What comes after a `pki` command: the settings that take what it has made. The words are those of config.xml and users.xml.

#include <string>
#include <vector>

#include "cli/pki_store.h"

namespace chmtls::cli
{

[[nodiscard]] std::vector<std::string> after_init(const PkiStore & store, const std::string & trust_domain);
/// Who can show the certificate is told by its extended key usage, and which rule fits by its names. `encrypted`: the key.
[[nodiscard]] std::vector<std::string>
after_issue(const PkiStore & store, const std::string & name, const openssl::CertificateFacts & facts, bool encrypted);
[[nodiscard]] std::vector<std::string> after_renew(const PkiStore & store, const std::string & name, bool new_key);
[[nodiscard]] std::vector<std::string> after_revoke(const PkiStore & store);

/// One line each: "next: ...".
void print_next(const std::vector<std::string> & steps);

}
