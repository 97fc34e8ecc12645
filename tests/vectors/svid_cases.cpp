#include "vectors/svid_cases.h"

namespace chmtls::test::svid
{

namespace
{

using namespace std::string_literals;
using pki::KeyKind;

Change key(KeyKind kind)
{
    return [=](pki::Spec & spec)
    {
        spec.key = kind;
    };
}

Change extended(std::vector<std::string> usages, bool critical = false)
{
    return [=](pki::Spec & spec)
    {
        spec.extended_key_usages = usages;
        spec.extended_key_usage_critical = critical;
    };
}

Change names(std::vector<pki::AltName> alt_names)
{
    return [=](pki::Spec & spec)
    {
        spec.alt_names = alt_names;
    };
}

Change id(std::string value)
{
    return uris({std::move(value)});
}

Change no_subject(bool san_critical)
{
    return [=](pki::Spec & spec)
    {
        spec.subject.clear();
        spec.san_critical = san_critical;
    };
}

/// A second SAN extension beside the first, as raw DER.
Change second_san()
{
    return [](pki::Spec & spec)
    {
        const std::string other = "spiffe://example.org/admin";
        Bytes der{0x30, static_cast<uint8_t>(other.size() + 2), 0x86, static_cast<uint8_t>(other.size())};
        der.insert(der.end(), other.begin(), other.end());
        spec.extra.push_back({.oid = "2.5.29.17", .critical = false, .der = der});
    };
}

std::string id_of_length(size_t length)
{
    std::string out = "spiffe://example.org";
    while (out.size() + 8 <= length)
        out += "/abcdefg";
    if (out.size() < length)
        out += "/" + std::string(length - out.size() - 1, 'z');
    return out;
}

const pki::AltName workload = uri("spiffe://example.org/workload");

}

const std::vector<Case> & accepted_cases()
{
    static const std::vector<Case> cases{
        {.name = "plain_p256", .code = "VALID"},
        {.name = "rsa_with_key_encipherment",
         .code = "VALID",
         .change = both(key(KeyKind::rsa_2048), key_usages({"digitalSignature", "keyEncipherment"}))},
        {.name = "three_key_usages",
         .code = "VALID",
         .change
         = both(subject({{"C", "US"}, {"O", "SPIRE"}}), key_usages({"digitalSignature", "keyEncipherment", "keyAgreement"}))},
        {.name = "rsa_authority", .code = "VALID", .issuer = "root-a2", .bundles = {{"example.org", {"root-a2"}}}},
        {.name = "ed25519",
         .code = "VALID",
         .issuer = "root-ed",
         .change = key(KeyKind::ed25519),
         .bundles = {{"example.org", {"root-ed"}}}},
        {.name = "one_intermediate", .code = "VALID", .issuer = "int-1", .sent = {"int-1"}},
        {.name = "two_intermediates", .code = "VALID", .issuer = "int-2", .sent = {"int-2", "int-1"}},
        {.name = "two_intermediates_in_the_wrong_order", .code = "VALID", .issuer = "int-2", .sent = {"int-1", "int-2"}},
        {.name = "five_intermediates",
         .code = "VALID",
         .issuer = "int-d5",
         .sent = {"int-d5", "int-d4", "int-d3", "int-d2", "int-d1"}},
        {.name = "authority_sent_too", .code = "VALID", .issuer = "int-1", .sent = {"int-1", "root-a"}},
        {.name = "unrelated_certificate_sent_too", .code = "VALID", .issuer = "int-1", .sent = {"int-1", "root-o"}},
        {.name = "intermediate_with_digital_signature", .code = "VALID", .issuer = "int-ds", .sent = {"int-ds"}},
        {.name = "no_extended_key_usage",
         .code = "VALID",
         .change =
             [](pki::Spec & spec)
         {
             spec.extended_key_usage = false;
         }},
        {.name = "extended_key_usage_critical", .code = "VALID", .change = extended({"serverAuth", "clientAuth"}, true)},
        {.name = "extended_key_usage_with_a_third",
         .code = "VALID",
         .change = extended({"serverAuth", "clientAuth", "codeSigning"})},
        {.name = "dns_names_too", .code = "VALID", .change = names({workload, dns("db.example.org"), dns("localhost")})},
        {.name = "dns_name_first", .code = "VALID", .change = names({dns("db.example.org"), workload})},
        {.name = "no_subject_and_critical_san", .code = "VALID", .change = no_subject(true)},
        {.name = "authority_without_san", .code = "VALID", .issuer = "root-nosan", .bundles = {{"example.org", {"root-nosan"}}}},
        {.name = "authority_with_lone_slash",
         .code = "VALID",
         .issuer = "root-slash",
         .bundles = {{"example.org", {"root-slash"}}}},
        {.name = "authority_without_key_usage",
         .code = "VALID",
         .issuer = "root-noku",
         .bundles = {{"example.org", {"root-noku"}}}},
        {.name = "authority_with_path_in_its_id",
         .code = "VALID",
         .issuer = "root-path",
         .bundles = {{"example.org", {"root-path"}}}},
        {.name = "intermediate_without_san", .code = "VALID", .issuer = "int-nosan", .sent = {"int-nosan"}},
        {.name = "intermediate_with_lone_slash", .code = "VALID", .issuer = "int-slash", .sent = {"int-slash"}},
        {.name = "intermediate_of_other_trust_domain", .code = "VALID", .issuer = "int-othertd", .sent = {"int-othertd"}},
        {.name = "path_length_0", .code = "VALID", .issuer = "root-pl0", .bundles = {{"example.org", {"root-pl0"}}}},
        {.name = "path_length_1", .code = "VALID", .issuer = "int-pl1-sub", .sent = {"int-pl1-sub", "int-pl1"}},
        {.name = "rotated_below_second",
         .code = "VALID",
         .issuer = "root-a2",
         .bundles = {{"example.org", {"root-a", "root-a2"}}}},
        {.name = "rotated_below_first", .code = "VALID", .bundles = {{"example.org", {"root-a", "root-a2"}}}},
        {.name = "same_name_with_key_identifiers",
         .code = "VALID",
         .issuer = "root-same2",
         .bundles = {{"example.org", {"root-same1", "root-same2"}}}},
        {.name = "same_name_without_key_identifiers_first",
         .code = "VALID",
         .issuer = "root-bare1",
         .change = without_key_identifiers(),
         .bundles = {{"example.org", {"root-bare1", "root-bare2"}}}},
        {.name = "same_name_without_key_identifiers_second",
         .code = "VALID",
         .issuer = "root-bare2",
         .change = without_key_identifiers(),
         .bundles = {{"example.org", {"root-bare1", "root-bare2"}}}},
        {.name = "authority_not_self_signed", .code = "VALID", .issuer = "int-1", .bundles = {{"example.org", {"int-1"}}}},
        {.name = "authority_not_self_signed_sent_too",
         .code = "VALID",
         .issuer = "int-1",
         .sent = {"int-1"},
         .bundles = {{"example.org", {"int-1"}}}},
        {.name = "cross_signed_authority",
         .code = "VALID",
         .issuer = "int-cross",
         .sent = {"int-cross"},
         .bundles = {{"example.org", {"root-cross"}}}},
        {.name = "federated", .code = "VALID", .issuer = "root-f", .change = id("spiffe://federated.test/client")},
        {.name = "trust_domain_of_255_bytes",
         .code = "VALID",
         .issuer = "root-td255",
         .change = id("spiffe://" + long_trust_domain(255) + "/w"),
         .bundles = {{long_trust_domain(255), {"root-td255"}}}},
        {.name = "id_of_2048_bytes", .code = "VALID", .change = id(id_of_length(2048))},
        {.name = "trust_domain_is_an_address",
         .code = "VALID",
         .issuer = "root-ip",
         .change = id("spiffe://127.0.0.1/w"),
         .bundles = {{"127.0.0.1", {"root-ip"}}}},
        {.name = "trust_domain_with_underscore",
         .code = "VALID",
         .issuer = "root-us",
         .change = id("spiffe://trust_domain.test/w"),
         .bundles = {{"trust_domain.test", {"root-us"}}}},
        {.name = "unknown_extension", .code = "VALID", .change = critical_extension(false)},
        {.name = "basic_constraints_not_critical",
         .code = "VALID",
         .change =
             [](pki::Spec & spec)
         {
             spec.basic_constraints_critical = false;
         }},
        {.name = "no_basic_constraints",
         .code = "VALID",
         .change =
             [](pki::Spec & spec)
         {
             spec.basic_constraints = false;
         }},
        {.name = "non_repudiation_too", .code = "VALID", .change = key_usages({"digitalSignature", "nonRepudiation"})},
        {.name = "name_constraint_permits", .code = "VALID", .issuer = "int-nc-ok", .sent = {"int-nc-ok"}},
        {.name = "name_constraint_permits_below",
         .code = "VALID",
         .issuer = "int-nc-sub2",
         .change = id("spiffe://prod.example.org/workload"),
         .sent = {"int-nc-sub2"},
         .bundles = {{"prod.example.org", {"root-prod"}}}},
        {.name = "name_constraint_of_other_kind", .code = "VALID", .issuer = "int-nc-dns", .sent = {"int-nc-dns"}},
        {.name = "last_second_but_one",
         .code = "VALID",
         .change = valid(issued_from, new_year_2030),
         .at = new_year_2030 - std::chrono::seconds{1}},
        {.name = "last_second", .code = "VALID", .change = valid(issued_from, new_year_2030), .at = new_year_2030},
        {.name = "first_second", .code = "VALID", .change = valid(new_year_2030, issued_until), .at = new_year_2030},
        {.name = "intermediate_with_key_encipherment", .code = "VALID", .issuer = "int-ke", .sent = {"int-ke"}},
        {.name = "intermediate_with_web_uri", .code = "VALID", .issuer = "int-httpsuri", .sent = {"int-httpsuri"}},
        {.name = "intermediate_for_servers_only", .code = "VALID", .issuer = "int-eku-server", .sent = {"int-eku-server"}},
        {.name = "revocation_list_without_the_leaf", .code = "VALID", .list = List::empty},
        {.name = "revocation_list_of_other_authority_holds_the_serial",
         .code = "VALID",
         .bundles = {{"example.org", {"root-a", "root-a2"}}},
         .list = List::of_other_root},
    };
    return cases;
}

const std::vector<Case> & refused_cases()
{
    static const std::vector<Case> cases{
        // names
        {.name = "no_san", .code = "URI-NONE", .change = names({})},
        {.name = "dns_name_only", .code = "URI-NONE", .change = names({dns("example.org")})},
        {.name = "id_in_email", .code = "URI-NONE", .change = names({email("spiffe://example.org/workload@x")})},
        {.name = "id_in_common_name",
         .code = "URI-NONE",
         .change = both(subject({{"CN", "spiffe://example.org/workload"}}), names({}))},
        {.name = "empty_san",
         .code = "URI-NONE",
         .change = both(names({}), [](pki::Spec & spec) { spec.san_present_when_empty = true; })},
        {.name = "two_ids", .code = "URI-MANY", .change = names({workload, uri("spiffe://example.org/admin")})},
        {.name = "one_id_twice", .code = "URI-MANY", .change = names({workload, workload})},
        {.name = "id_then_web_uri", .code = "URI-MANY", .change = names({workload, uri("https://example.org/x")})},
        {.name = "web_uri_then_id", .code = "URI-MANY", .change = names({uri("https://example.org/x"), workload})},
        {.name = "two_san_extensions", .code = "EXT-TWICE", .change = second_san()},
        {.name = "id_without_path", .code = "ID-ROOT-PATH", .change = id("spiffe://example.org")},
        {.name = "id_with_lone_slash", .code = "ID-PATH", .change = id("spiffe://example.org/")},
        {.name = "https", .code = "ID-SCHEME", .change = id("https://example.org/workload")},
        {.name = "upper_case_scheme", .code = "ID-SCHEME", .change = id("SPIFFE://example.org/workload")},
        {.name = "one_slash", .code = "ID-SCHEME", .change = id("spiffe:/example.org/workload")},
        {.name = "empty_uri", .code = "ID-SCHEME", .change = id("")},
        {.name = "upper_case_trust_domain", .code = "ID-TD", .change = id("spiffe://Example.org/workload")},
        {.name = "port", .code = "ID-TD", .change = id("spiffe://example.org:8443/workload")},
        {.name = "empty_user_information", .code = "ID-TD", .change = id("spiffe://@example.org/workload")},
        {.name = "utf8_in_trust_domain", .code = "ID-TD", .change = id("spiffe://ex\xd0\xb0mple.org/workload")},
        {.name = "trailing_slash", .code = "ID-PATH", .change = id("spiffe://example.org/workload/")},
        {.name = "empty_segment", .code = "ID-PATH", .change = id("spiffe://example.org//workload")},
        {.name = "dot_segment", .code = "ID-PATH", .change = id("spiffe://example.org/./workload")},
        {.name = "percent_in_path", .code = "ID-PATH", .change = id("spiffe://example.org/work%6coad")},
        {.name = "colon_in_path", .code = "ID-PATH", .change = id("spiffe://example.org/ns:a")},
        {.name = "line_feed_at_the_end", .code = "ID-PATH", .change = id("spiffe://example.org/workload\n")},
        {.name = "query", .code = "ID-QUERY", .change = id("spiffe://example.org/workload?x=1")},
        {.name = "empty_query", .code = "ID-QUERY", .change = id("spiffe://example.org/workload?")},
        {.name = "fragment", .code = "ID-QUERY", .change = id("spiffe://example.org/workload#x")},
        {.name = "empty_fragment", .code = "ID-QUERY", .change = id("spiffe://example.org/workload#")},
        {.name = "nul_in_path", .code = "ID-NUL", .change = id("spiffe://example.org/workload\0.evil"s)},
        {.name = "nul_at_the_end", .code = "ID-NUL", .change = id("spiffe://example.org/workload\0"s)},
        {.name = "id_of_2049_bytes", .code = "ID-LENGTH", .change = id(id_of_length(2049))},
        {.name = "trust_domain_of_256_bytes",
         .code = "ID-LENGTH",
         .issuer = "root-td256",
         .change = id("spiffe://" + long_trust_domain(256) + "/w"),
         .bundles = {{"example.org", {"root-td256"}}}},
        // the leaf's usages
        {.name = "leaf_is_authority",
         .code = "LEAF-CA",
         .change =
             [](pki::Spec & spec)
         {
             spec.ca = true;
         }},
        {.name = "intermediate_as_leaf", .code = "LEAF-CA", .issuer = "int-1", .leaf = Leaf::is_signer},
        {.name = "bundle_authority_as_leaf", .code = "LEAF-CA", .issuer = "root-a", .leaf = Leaf::is_signer},
        {.name = "leaf_may_sign_certificates", .code = "LEAF-KU", .change = key_usages({"digitalSignature", "keyCertSign"})},
        {.name = "leaf_may_sign_lists", .code = "LEAF-KU", .change = key_usages({"digitalSignature", "cRLSign"})},
        {.name = "no_digital_signature",
         .code = "LEAF-KU",
         .change = both(key(KeyKind::rsa_2048), key_usages({"keyEncipherment"}))},
        {.name = "no_key_usage",
         .code = "LEAF-KU",
         .change =
             [](pki::Spec & spec)
         {
             spec.key_usage = false;
         }},
        {.name = "key_usage_not_critical",
         .code = "LEAF-KU",
         .change =
             [](pki::Spec & spec)
         {
             spec.key_usage_critical = false;
         }},
        {.name = "client_only", .code = "LEAF-EKU", .change = extended({"clientAuth"})},
        {.name = "server_only", .code = "LEAF-EKU", .change = extended({"serverAuth"})},
        {.name = "code_signing_only", .code = "LEAF-EKU", .change = extended({"codeSigning"})},
        {.name = "any_purpose_only", .code = "LEAF-EKU", .change = extended({"anyExtendedKeyUsage"})},
        {.name = "no_subject_and_soft_san", .code = "SAN-CRITICAL", .change = no_subject(false)},
        {.name = "unknown_critical_extension", .code = "EXT-CRITICAL", .change = critical_extension(true)},
        // signing certificates
        {.name = "intermediate_with_unknown_critical_extension",
         .code = "EXT-CRITICAL",
         .issuer = "int-critext",
         .sent = {"int-critext"}},
        {.name = "intermediate_is_no_authority", .code = "SIGNER-CA", .issuer = "int-noca", .sent = {"int-noca"}},
        {.name = "intermediate_without_basic_constraints", .code = "SIGNER-CA", .issuer = "int-nobc", .sent = {"int-nobc"}},
        {.name = "issued_by_a_leaf", .code = "SIGNER-CA", .issuer = "leaf-as-issuer", .sent = {"leaf-as-issuer"}},
        {.name = "authority_of_the_bundle_is_none",
         .code = "SIGNER-CA",
         .issuer = "root-notca",
         .bundles = {{"example.org", {"root-notca"}}}},
        {.name = "intermediate_may_not_sign", .code = "SIGNER-KU", .issuer = "int-nocs", .sent = {"int-nocs"}},
        {.name = "intermediate_without_key_usage", .code = "SIGNER-KU", .issuer = "int-noku", .sent = {"int-noku"}},
        {.name = "intermediate_key_usage_not_critical", .code = "SIGNER-KU", .issuer = "int-softku", .sent = {"int-softku"}},
        {.name = "authority_of_the_bundle_may_not_sign",
         .code = "SIGNER-KU",
         .issuer = "root-nocs",
         .bundles = {{"example.org", {"root-nocs"}}}},
        {.name = "intermediate_id_with_path", .code = "SIGNER-ID", .issuer = "int-path", .sent = {"int-path"}},
        {.name = "intermediate_id_malformed", .code = "SIGNER-ID", .issuer = "int-badid", .sent = {"int-badid"}},
        {.name = "intermediate_with_two_uris", .code = "SIGNER-ID", .issuer = "int-twouri", .sent = {"int-twouri"}},
        {.name = "path_length_0_of_the_authority",
         .code = "PATHLEN",
         .issuer = "int-under-pl0",
         .sent = {"int-under-pl0"},
         .bundles = {{"example.org", {"root-pl0"}}}},
        {.name = "path_length_0_of_an_intermediate",
         .code = "PATHLEN",
         .issuer = "int-pl0-sub",
         .sent = {"int-pl0-sub", "int-pl0"}},
        {.name = "name_constraint_permits_another",
         .code = "NAME-CONSTRAINT",
         .issuer = "int-nc-other",
         .sent = {"int-nc-other"}},
        {.name = "name_constraint_excludes", .code = "NAME-CONSTRAINT", .issuer = "int-nc-excl", .sent = {"int-nc-excl"}},
        {.name = "name_constraint_permits_only_below", .code = "NAME-CONSTRAINT", .issuer = "int-nc-dot", .sent = {"int-nc-dot"}},
        {.name = "name_constraint_not_critical", .code = "NAME-CONSTRAINT", .issuer = "int-nc-soft", .sent = {"int-nc-soft"}},
        {.name = "name_constraint_on_dns",
         .code = "NAME-CONSTRAINT",
         .issuer = "int-nc-dns",
         .change = names({workload, dns("db.example.org")}),
         .sent = {"int-nc-dns"}},
        {.name = "weak_digest",
         .code = "WEAK",
         .issuer = "int-sha1",
         .sent = {"int-sha1"},
         .bundles = {{"example.org", {"root-sha1"}}}},
        // trust domains
        {.name = "signed_by_federated_authority", .code = "TD-BINDING", .issuer = "root-f"},
        {.name = "signed_below_federated_authority", .code = "TD-BINDING", .issuer = "int-f", .sent = {"int-f"}},
        {.name = "federated_authority_signs_and_is_sent", .code = "TD-BINDING", .issuer = "root-f", .sent = {"root-f"}},
        {.name = "home_authority_signs_federated_id", .code = "TD-BINDING", .change = id("spiffe://federated.test/client")},
        {.name = "bundles_are_not_merged",
         .code = "TD-BINDING",
         .issuer = "root-samef",
         .bundles = {{"example.org", {"root-same1"}}, {"federated.test", {"root-samef"}}}},
        {.name = "bundles_are_not_merged_without_key_identifiers",
         .code = "TD-BINDING",
         .issuer = "root-baref",
         .change = without_key_identifiers(),
         .bundles = {{"example.org", {"root-bare1"}}, {"federated.test", {"root-baref"}}}},
        {.name = "unknown_trust_domain", .code = "TD-NO-BUNDLE", .change = id("spiffe://unknown.test/workload")},
        {.name = "below_a_known_trust_domain", .code = "TD-NO-BUNDLE", .change = id("spiffe://sub.example.org/workload")},
        {.name = "known_trust_domain_as_prefix", .code = "TD-NO-BUNDLE", .change = id("spiffe://example.org.evil.test/workload")},
        {.name = "only_another_trust_domain_left", .code = "TD-NO-BUNDLE", .bundles = {{"federated.test", {"root-f"}}}},
        {.name = "bundle_without_authorities", .code = "TD-NO-BUNDLE", .bundles = {{"example.org", {}}}},
        // time
        {.name = "expired_leaf", .code = "TIME", .change = in_the_past()},
        {.name = "future_leaf", .code = "TIME", .change = in_the_future()},
        {.name = "expired_intermediate", .code = "TIME", .issuer = "int-expired", .sent = {"int-expired"}},
        {.name = "future_intermediate", .code = "TIME", .issuer = "int-future", .sent = {"int-future"}, .at = new_year_2030},
        {.name = "expired_authority", .code = "TIME", .issuer = "root-expired", .bundles = {{"example.org", {"root-expired"}}}},
        {.name = "future_authority", .code = "TIME", .issuer = "root-future", .bundles = {{"example.org", {"root-future"}}}},
        {.name = "one_second_late",
         .code = "TIME",
         .change = valid(issued_from, new_year_2030),
         .at = new_year_2030 + std::chrono::seconds{1}},
        {.name = "one_second_early",
         .code = "TIME",
         .change = valid(new_year_2030, issued_until),
         .at = new_year_2030 - std::chrono::seconds{1}},
        // signatures and authorities
        {.name = "signature_altered", .code = "SIGNATURE", .leaf = Leaf::last_bit_flipped},
        {.name = "imposter_sent_along", .code = "UNKNOWN-CA", .issuer = "imposter", .sent = {"imposter"}},
        {.name = "imposter_without_key_identifiers",
         .code = "SIGNATURE",
         .issuer = "imposter-bare",
         .change = without_key_identifiers(),
         .sent = {"imposter-bare"},
         .bundles = {{"example.org", {"root-bare1"}}}},
        {.name = "self_signed_leaf", .code = "UNKNOWN-CA", .issuer = ""},
        {.name = "authority_outside_the_bundle", .code = "UNKNOWN-CA", .issuer = "root-o"},
        {.name = "authority_outside_the_bundle_sent_along", .code = "UNKNOWN-CA", .issuer = "root-o", .sent = {"root-o"}},
        {.name = "missing_intermediate", .code = "UNKNOWN-CA", .issuer = "int-1"},
        {.name = "leaf_is_no_certificate", .code = "PARSE", .leaf = Leaf::no_certificate},
        {.name = "intermediate_is_no_certificate", .code = "PARSE", .issuer = "int-1", .sent = {"garbage"}},
        // revocation
        {.name = "leaf_on_its_issuers_list", .code = "REVOKED", .list = List::names_leaf},
        {.name = "intermediate_on_its_issuers_list",
         .code = "REVOKED",
         .issuer = "int-1",
         .sent = {"int-1"},
         .list = List::names_signer},
        {.name = "list_past_its_next_update", .code = "CRL-EXPIRED", .list = List::expired},
    };
    return cases;
}

}
