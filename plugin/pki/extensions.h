#pragma once

#include <variant>

#include "pki/issue.h"

namespace chmtls::pki
{

/// Adds what the specification asks for, in the usual order; nothing is checked for sense. `issuer` null: self-signed.
[[nodiscard]] Result<std::monostate> add_extensions(X509 * certificate, const Spec & spec, const X509 * issuer);

/// Subject with raw values: no length limit and no character set is enforced.
[[nodiscard]] Result<openssl::X509NamePtr> make_name(const std::vector<std::pair<std::string, std::string>> & attributes);

/// keyIdentifier of the issuer; without one there, none is added (as OpenSSL does).
[[nodiscard]] openssl::X509ExtensionPtr authority_key_identifier(const X509 * issuer);

[[nodiscard]] tl::unexpected<Error> failure(std::string field, std::string reason);

}
