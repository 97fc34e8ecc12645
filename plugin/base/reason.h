#pragma once

#include <cstdint>
#include <string_view>

namespace chmtls
{

/// Why a chain, an identity or a login was refused. Values are counted and logged: append only.
enum class Reason : uint8_t
{
    valid = 0,
    no_certificate,
    parse,              ///< not DER, trailing bytes, an extension that cannot be read
    extension_twice,    ///< RFC 5280 4.2
    critical_extension, ///< an unknown critical extension, RFC 5280 4.2
    signature,
    expired,
    not_yet_valid,
    path_length,
    depth, ///< longer than verificationDepth
    unknown_ca,
    self_signed, ///< the leaf is its own issuer and no anchor
    signer_ca,   ///< a signing certificate without cA
    signer_key_usage,
    signer_id,
    name_constraint,
    purpose, ///< extended key usage does not allow client / server authentication
    weak,    ///< key or digest below the security level
    revoked,
    crl_missing,
    crl_expired,
    crl_invalid,
    name_mismatch, ///< the server's certificate does not carry the name we wanted
    uri_none,
    uri_many,
    id_scheme,
    id_trust_domain,
    id_path,
    id_root_path,
    id_query,
    id_nul,
    id_length,
    leaf_ca,
    leaf_key_usage,
    leaf_extended_key_usage,
    san_critical,
    trust_domain_binding, ///< signed by an authority of another trust domain's bundle
    trust_domain_no_bundle,
    resource, ///< too many or too large certificates
    unknown_listener,
    no_rule,              ///< no rule matches
    ambiguous,            ///< rules yield different users
    other_user,           ///< rules match, but not for the user asked for
    mixed_credentials,    ///< certificate login together with a password or an Authorization header
    certificate_required, ///< certificate login asked for without a verified certificate
    internal,
    verification_off,  ///< this side verifies nobody (verificationMode none), so nobody has an identity
    node_rule,         ///< where only cluster nodes may be: no node rule matches
    node_user,         ///< a cluster node asks to be a user that nodes may not be
    keeper_rule,       ///< the server is no Keeper: no keeper rule matches
    lifetime,          ///< the certificate lives longer than max_certificate_lifetime
    ending,            ///< it has less left than min_remaining_lifetime
    rule_time,         ///< a rule matches, but not at this time
    session_time,      ///< the session has lasted as long as its rule allows
    password_required, ///< the certificate is right, and the rule wants the user's password as well
    on_behalf,         ///< who asked for a node's query cannot be a user
    unprintable,       ///< a name with control characters: there is none such, but it would forge a log
    cross_site,        ///< a browser was made to ask by another site
    count
};

/// Stable short code: "VALID", "TIME", "UNKNOWN-CA", "TD-BINDING", ... (both time reasons are "TIME").
[[nodiscard]] std::string_view code(Reason reason);

/// TLS AlertDescription (RFC 8446 6, RFC 5246 7.2) that fits; 0 for valid.
[[nodiscard]] uint8_t tls_alert(Reason reason);

}
