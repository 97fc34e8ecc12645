#pragma once

// A certificate with everything that decisions need from it, parsed once.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/reason.h"
#include "base/result.h"
#include "base/time.h"
#include "openssl/pointers.h"

namespace chmtls::openssl
{

/// Key usage bits (RFC 5280 4.2.1.3). Absence of the extension is told apart from "no bit set".
struct KeyUsage
{
    bool present = false;
    bool critical = false;
    uint32_t bits = 0; ///< OpenSSL's KU_* bits; 0 when absent

    [[nodiscard]] bool has(uint32_t bit) const { return present && (bits & bit) == bit; }
};

/// Extended key usage (RFC 5280 4.2.1.12).
struct ExtendedKeyUsage
{
    bool present = false;
    bool critical = false;
    bool server_auth = false;
    bool client_auth = false;
    bool any = false;
    std::vector<std::string> oids; ///< all of them, dotted decimal
};

struct BasicConstraints
{
    bool present = false;
    bool critical = false;
    bool ca = false;
    std::optional<uint32_t> path_length;
};

/// Subject alternative names by kind (RFC 5280 4.2.1.6), in certificate order, as the raw bytes of the certificate. Names that
/// are empty or hold NUL, blanks or bytes outside printable ASCII are not usable: they are listed in `unusable` and nowhere else,
/// so that no rule can match them. A URI is kept raw whatever it holds (the SPIFFE rules judge it); `uri_is_clean` tells.
struct SubjectAltNames
{
    bool present = false;
    bool critical = false;
    std::vector<std::string> dns;
    std::vector<std::string> uris; ///< every URI SAN, raw; may hold NUL and any byte
    std::vector<std::string> emails;
    std::vector<std::string> ips;      ///< text form, RFC 5952 for IPv6
    size_t others = 0;                 ///< otherName, directoryName, registeredID, ...
    std::vector<std::string> unusable; ///< printable form of names refused for their bytes
};

/// Only printable ASCII without blanks (0x21 to 0x7e) and not empty.
[[nodiscard]] bool uri_is_clean(std::string_view uri);

/// The facts of one certificate. Plain values, immutable.
struct CertificateFacts
{
    std::string subject; ///< RFC 4514
    std::string issuer;  ///< RFC 4514
    bool subject_empty = false;
    std::optional<std::string> common_name;        ///< UTF-8; nothing when absent, more than one, or not usable
    std::optional<std::string> common_name_defect; ///< why there is none although the subject has a CN: "NUL", "more than one",
                                                   ///< "not UTF-8", "empty", "control character"
    SubjectAltNames san;
    std::string serial_hex; ///< lower-case hex without leading zeros ("0" for zero); "-" in front when negative
    UnixTime not_before;
    UnixTime not_after;
    Digest32 fingerprint_sha256; ///< of the DER
    Digest32 spki_sha256;        ///< of the SubjectPublicKeyInfo DER (RFC 7469 2.4)
    KeyUsage key_usage;
    ExtendedKeyUsage extended_key_usage;
    BasicConstraints basic_constraints;
    std::string public_key; ///< "RSA 2048", "EC P-256", "ED25519"
    std::string signature_algorithm;
};

/// An immutable, cheaply copied certificate: the DER as it was given, OpenSSL's view of it, and (on first use) its facts.
/// Thread-safe.
class Certificate
{
public:
    /// DER, nothing behind it. Refused with a code: PARSE (not a certificate, not DER, trailing bytes, dates or an extension that
    /// cannot be read) or EXT-TWICE (a repeated extension).
    [[nodiscard]] static Result<Certificate> from_der(ByteView der);

    [[nodiscard]] ByteView der() const;
    [[nodiscard]] X509 * x509() const; ///< borrowed; do not modify
    [[nodiscard]] const CertificateFacts & facts() const;
    [[nodiscard]] bool operator==(const Certificate & other) const;

private:
    struct Shared;
    explicit Certificate(std::shared_ptr<const Shared> shared);
    std::shared_ptr<const Shared> shared_;
};

/// Facts of the reason for a PARSE / EXT-TWICE refusal.
[[nodiscard]] Reason reason_of(const Error & error);

}
