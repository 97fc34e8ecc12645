#pragma once

// Name constraints (RFC 5280 4.2.1.10) for what OpenSSL does not hold against them: a name that nobody wrote into a certificate.

#include <span>
#include <string_view>

#include "openssl/certificate.h"

namespace chmtls::trust
{

/// May every authority of a path (path[1] and above) certify this host name? OpenSSL asks that of "*.example.org" as it stands in
/// the leaf, and so not of "secret.example.org", for which the leaf stands as well.
[[nodiscard]] bool may_certify_host(std::span<const openssl::Certificate> path, std::string_view host);

/// Names that constraints of an authority above are compared with.
[[nodiscard]] size_t count_names(const openssl::Certificate & certificate);
/// Permitted and excluded subtrees.
[[nodiscard]] size_t count_constraints(const openssl::Certificate & authority);

}
