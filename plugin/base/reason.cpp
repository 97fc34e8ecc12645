#include "base/reason.h"

#include <array>

namespace chmtls
{

namespace
{

// TLS AlertDescription values, RFC 8446 6.
enum Alert : uint8_t
{
    none = 0,
    bad_certificate = 42,
    unsupported_certificate = 43,
    certificate_revoked = 44,
    certificate_expired = 45,
    certificate_unknown = 46,
    unknown_authority = 48,
    access_denied = 49,
    internal_error = 80,
    needs_certificate = 116,
};

struct Row
{
    Reason reason;
    std::string_view code;
    uint8_t alert;
};

constexpr std::array rows{
    Row{Reason::valid, "VALID", none},
    Row{Reason::no_certificate, "NO-CERTIFICATE", needs_certificate},
    Row{Reason::parse, "PARSE", bad_certificate},
    Row{Reason::extension_twice, "EXT-TWICE", bad_certificate},
    Row{Reason::critical_extension, "EXT-CRITICAL", unsupported_certificate},
    Row{Reason::signature, "SIGNATURE", bad_certificate},
    Row{Reason::expired, "TIME", certificate_expired},
    Row{Reason::not_yet_valid, "TIME", certificate_expired},
    Row{Reason::path_length, "PATHLEN", unknown_authority},
    Row{Reason::depth, "DEPTH", unknown_authority},
    Row{Reason::unknown_ca, "UNKNOWN-CA", unknown_authority},
    Row{Reason::self_signed, "UNKNOWN-CA", unknown_authority},
    Row{Reason::signer_ca, "SIGNER-CA", unknown_authority},
    Row{Reason::signer_key_usage, "SIGNER-KU", unknown_authority},
    Row{Reason::signer_id, "SIGNER-ID", bad_certificate},
    Row{Reason::name_constraint, "NAME-CONSTRAINT", bad_certificate},
    Row{Reason::purpose, "PURPOSE", unsupported_certificate},
    Row{Reason::weak, "WEAK", bad_certificate},
    Row{Reason::revoked, "REVOKED", certificate_revoked},
    Row{Reason::crl_missing, "CRL-MISSING", certificate_unknown},
    Row{Reason::crl_expired, "CRL-EXPIRED", certificate_unknown},
    Row{Reason::crl_invalid, "CRL-INVALID", certificate_unknown},
    Row{Reason::name_mismatch, "NAME-MISMATCH", bad_certificate},
    Row{Reason::uri_none, "URI-NONE", bad_certificate},
    Row{Reason::uri_many, "URI-MANY", bad_certificate},
    Row{Reason::id_scheme, "ID-SCHEME", bad_certificate},
    Row{Reason::id_trust_domain, "ID-TD", bad_certificate},
    Row{Reason::id_path, "ID-PATH", bad_certificate},
    Row{Reason::id_root_path, "ID-ROOT-PATH", bad_certificate},
    Row{Reason::id_query, "ID-QUERY", bad_certificate},
    Row{Reason::id_nul, "ID-NUL", bad_certificate},
    Row{Reason::id_length, "ID-LENGTH", bad_certificate},
    Row{Reason::leaf_ca, "LEAF-CA", unsupported_certificate},
    Row{Reason::leaf_key_usage, "LEAF-KU", unsupported_certificate},
    Row{Reason::leaf_extended_key_usage, "LEAF-EKU", unsupported_certificate},
    Row{Reason::san_critical, "SAN-CRITICAL", bad_certificate},
    Row{Reason::trust_domain_binding, "TD-BINDING", unknown_authority},
    Row{Reason::trust_domain_no_bundle, "TD-NO-BUNDLE", unknown_authority},
    Row{Reason::resource, "RESOURCE", bad_certificate},
    Row{Reason::unknown_listener, "LISTENER", access_denied},
    Row{Reason::no_rule, "NO-RULE", access_denied},
    Row{Reason::ambiguous, "AMBIGUOUS", access_denied},
    Row{Reason::other_user, "OTHER-USER", access_denied},
    Row{Reason::mixed_credentials, "MIXED-CREDENTIALS", access_denied},
    Row{Reason::certificate_required, "CERTIFICATE-REQUIRED", needs_certificate},
    Row{Reason::internal, "INTERNAL", internal_error},
    Row{Reason::verification_off, "VERIFICATION-OFF", access_denied},
    Row{Reason::node_rule, "NODE-RULE", access_denied},
    Row{Reason::node_user, "NODE-USER", access_denied},
    Row{Reason::keeper_rule, "KEEPER-RULE", access_denied},
    Row{Reason::lifetime, "LIFETIME", bad_certificate},
    Row{Reason::ending, "ENDING", certificate_expired},
    Row{Reason::rule_time, "RULE-TIME", access_denied},
    Row{Reason::session_time, "SESSION-TIME", access_denied},
    Row{Reason::password_required, "PASSWORD-REQUIRED", access_denied},
    Row{Reason::on_behalf, "ON-BEHALF", access_denied},
    Row{Reason::unprintable, "UNPRINTABLE", access_denied},
    Row{Reason::cross_site, "CROSS-SITE", access_denied},
};

constexpr bool rows_in_order()
{
    for (size_t i = 0; i < rows.size(); ++i)
        if (static_cast<size_t>(rows[i].reason) != i)
            return false;
    return true;
}

static_assert(rows.size() == static_cast<size_t>(Reason::count));
static_assert(rows_in_order());

const Row & row(Reason reason)
{
    const auto index = static_cast<size_t>(reason);
    return rows[index < rows.size() ? index : static_cast<size_t>(Reason::internal)]; // an unknown value is a refusal
}

}

std::string_view code(Reason reason)
{
    return row(reason).code;
}

uint8_t tls_alert(Reason reason)
{
    return row(reason).alert;
}

}
