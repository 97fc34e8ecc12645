#pragma once

// Distinguished names as text (RFC 4514).

#include <optional>
#include <string>

#include <openssl/x509.h>

namespace chmtls::openssl
{

/// RFC 4514: last RDN first, "," between RDNs, "+" between the values of one. Attributes that OpenSSL has a short name for are
/// written with it ("CN", "emailAddress"), others as dotted decimal with "#" and the value's DER in hex. Characters that are
/// special, and control characters, are escaped; all else is UTF-8. Empty for an empty name.
[[nodiscard]] std::string print_name(const X509_NAME * name);

/// The text of a string value as UTF-8; nothing when the type is no string type or the bytes do not fit it. May hold NUL.
[[nodiscard]] std::optional<std::string> string_value(const ASN1_STRING * value);

/// "1.2.840.113549", without a name for it.
[[nodiscard]] std::string dotted_decimal(const ASN1_OBJECT * object);

}
