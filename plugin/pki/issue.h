#pragma once

// Certificates made in process: for the tests and for `clickhouse-mtls pki`. Every time is relative to a given moment.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openssl/certificate.h"
#include "openssl/private_key.h"

namespace chmtls::pki
{

enum class KeyKind
{
    ec_p256,
    ec_p384,
    rsa_2048,
    rsa_3072,
    ed25519,
    rsa_1024, ///< too weak for TLS; for tests of that
};

/// A SAN as it goes into the certificate: raw bytes, nothing is checked, so that tests can make bad ones.
struct AltName
{
    enum class Kind
    {
        dns,
        uri,
        email,
        ip,       ///< `value` in text form
        other,    ///< a UPN otherName
        directory ///< `value` is a CN
    };
    Kind kind;
    std::string value;
};

struct RawExtension
{
    std::string oid;
    bool critical = false;
    Bytes der; ///< content of the OCTET STRING
};

/// What a certificate shall hold. Defaults: a good leaf for both TLS purposes.
struct Spec
{
    std::vector<std::pair<std::string, std::string>> subject{
        {"CN",
         "leaf"}}; ///< short names or dotted OIDs; empty: empty subject; values are raw UTF-8; "+OU" joins the RDN before it
    KeyKind key = KeyKind::ec_p256;
    std::chrono::seconds not_before{-3600}; ///< relative to `now`
    std::chrono::seconds not_after{86400};
    std::optional<UnixTime> not_before_at; ///< absolute ones win (for SVID cases with fixed dates)
    std::optional<UnixTime> not_after_at;
    bool basic_constraints = true;
    bool basic_constraints_critical = true;
    bool ca = false;
    std::optional<uint32_t> path_length;
    bool key_usage = true;
    bool key_usage_critical = true;
    std::vector<std::string> key_usages{"digitalSignature"}; ///< RFC 5280 names
    bool extended_key_usage = true;
    bool extended_key_usage_critical = false;
    std::vector<std::string> extended_key_usages{"serverAuth", "clientAuth"}; ///< names or OIDs
    std::vector<AltName> alt_names;
    bool san_present_when_empty = false; ///< an empty SAN sequence
    bool san_critical = false;
    bool subject_key_identifier = true;
    bool authority_key_identifier = true;
    std::vector<std::string> permitted_names; ///< name constraints: "URI:example.org", "DNS:internal.example",
                                              ///< "EMAIL:example.org", "IP:10.0.0.0/255.0.0.0"
    std::vector<std::string> excluded_names;
    bool name_constraints_critical = true;
    std::vector<RawExtension> extra;
    std::optional<uint64_t> serial; ///< random 127 bits otherwise
    std::string digest = "SHA256";  ///< ignored for Ed25519

    /// A signing certificate: cA, keyCertSign + cRLSign, no EKU.
    [[nodiscard]] static Spec authority(const std::string & common_name);
};

/// A certificate with its private key.
struct Issued
{
    openssl::Certificate certificate;
    openssl::PrivateKey key;
};

/// A new key.
[[nodiscard]] Result<openssl::PrivateKey> generate_key(KeyKind kind);

/// Self-signed.
[[nodiscard]] Result<Issued> self_signed(const Spec & spec, UnixTime now = system_time());
/// Signed by `issuer`; whatever the spec says, also nonsense.
[[nodiscard]] Result<Issued> issue(const Spec & spec, const Issued & issuer, UnixTime now = system_time());
/// As issue or self_signed (issuer null), for a key that exists already.
[[nodiscard]] Result<Issued>
issue_for_key(const Spec & spec, const openssl::PrivateKey & key, const Issued * issuer, UnixTime now = system_time());

/// As issue_for_key with a new key, but only the DER: also for what Certificate::from_der refuses (an extension twice, a value
/// that cannot be read).
[[nodiscard]] Result<Bytes> issue_der(const Spec & spec, const Issued * issuer, UnixTime now = system_time());

struct RevokedEntry
{
    std::string serial_hex;
    std::chrono::seconds at{-60};
};

struct CrlSpec
{
    std::vector<RevokedEntry> revoked{};
    std::chrono::seconds this_update{-60};
    std::chrono::seconds next_update{86400};
    uint64_t number = 1;
    std::optional<uint64_t> delta_base{}; ///< makes it a delta CRL
};

/// A CRL as DER, signed by `issuer`.
[[nodiscard]] Result<Bytes> issue_crl(const CrlSpec & spec, const Issued & issuer, UnixTime now = system_time());

[[nodiscard]] std::string certificate_pem(const openssl::Certificate & certificate);
[[nodiscard]] std::string chain_pem(const std::vector<openssl::Certificate> & chain);
[[nodiscard]] std::string crl_pem(ByteView der);
/// PKCS#8 PEM; encrypted (PBES2, AES-256-CBC) when a passphrase is given. Wipe after use.
[[nodiscard]] SecretBytes key_pem(const openssl::PrivateKey & key, const std::string & passphrase = {});

}
