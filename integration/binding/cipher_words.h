#pragma once

// OpenSSL ignores the words of a cipher list that it does not know. A typing error must not silently widen or narrow a server's
// ciphers, so each word is looked up first.

#include <string>
#include <string_view>
#include <vector>

namespace chmtls::debian
{

/// Words of a cipher list for TLS 1.2 and older (format: ciphers(1)) that this OpenSSL does not know; empty when all are known.
/// Names that OpenSSL has dropped are accepted where they are excluded (!EXP), because then they promise nothing.
std::vector<std::string> unknown_cipher_words(std::string_view list);

/// The same for a list of TLS 1.3 suites (RFC 8446 B.4), separated by colons.
std::vector<std::string> unknown_cipher_suites(std::string_view list);

}
