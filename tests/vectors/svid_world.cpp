#include "vectors/svid_world.h"

#include <algorithm>
#include <array>

namespace chmtls::test::svid
{

namespace
{

constexpr auto foreign_year = std::chrono::year{2098};

struct Signer
{
    std::string name;
    std::string issuer; ///< empty: self-signed
    Change change;
    std::string same_key_as = {};
};

Change key(pki::KeyKind kind)
{
    return [=](pki::Spec & spec)
    {
        spec.key = kind;
    };
}

Change path_length(uint32_t length)
{
    return [=](pki::Spec & spec)
    {
        spec.path_length = length;
    };
}

Change no_authority()
{
    return [](pki::Spec & spec)
    {
        spec.ca = false;
    };
}

Change no_key_usage()
{
    return [](pki::Spec & spec)
    {
        spec.key_usage = false;
    };
}

Change permitted(std::string name)
{
    return [=](pki::Spec & spec)
    {
        spec.permitted_names = {name};
    };
}

Change excluded(std::string name)
{
    return [=](pki::Spec & spec)
    {
        spec.excluded_names = {name};
    };
}

Change nothing()
{
    return [](pki::Spec &) {
    };
}

Change leaf_like()
{
    return [](pki::Spec & spec)
    {
        const auto names = spec.subject;
        spec = leaf_spec("x");
        spec.subject = names;
    };
}

const std::vector<std::pair<std::string, std::string>> shared_name{{"C", "US"}, {"O", "SPIFFE"}};

const std::vector<Signer> & table()
{
    using pki::KeyKind;
    static const std::vector<Signer> signers{
        {"root-a", "", nothing()},
        {"root-a2", "", key(KeyKind::rsa_2048)},
        {"root-f", "", both(key(KeyKind::ec_p384), uris({"spiffe://federated.test"}))},
        {"root-o", "", uris({"spiffe://other.test"})},
        {"root-nosan", "", uris({})},
        {"root-path", "", uris({"spiffe://example.org/ca"})},
        {"root-slash", "", uris({"spiffe://example.org/"})},
        {"root-pl0", "", path_length(0)},
        {"root-expired", "", in_the_past()},
        {"root-future", "", in_the_future()},
        {"root-notca", "", no_authority()},
        {"root-noku", "", no_key_usage()},
        {"root-nocs", "", key_usages({"cRLSign"})},
        {"root-ed", "", key(KeyKind::ed25519)},
        {"root-same1", "", subject(shared_name)},
        {"root-same2", "", subject(shared_name)},
        {"root-samef", "", both(subject(shared_name), uris({"spiffe://federated.test"}))},
        {"root-bare1", "", both(subject(shared_name), without_key_identifiers())},
        {"root-bare2", "", both(subject(shared_name), without_key_identifiers())},
        {"root-baref", "", both(subject(shared_name), both(without_key_identifiers(), uris({"spiffe://federated.test"})))},
        {"int-1", "root-a", nothing()},
        {"int-2", "int-1", key(KeyKind::ec_p384)},
        {"int-ds", "root-a", key_usages({"digitalSignature", "keyCertSign", "cRLSign"})},
        {"int-nosan", "root-a", uris({})},
        {"int-pl1", "root-a", path_length(1)},
        {"int-pl1-sub", "int-pl1", nothing()},
        {"int-cross", "root-o", subject({{"C", "US"}, {"O", "SPIFFE"}, {"CN", "cross"}})},
        {"root-cross", "", subject({{"C", "US"}, {"O", "SPIFFE"}, {"CN", "cross"}}), "int-cross"},
        {"int-othertd", "root-a", uris({"spiffe://other.test"})},
        {"root-td255", "", uris({"spiffe://" + long_trust_domain(255)})},
        {"root-td256", "", uris({})},
        {"root-ip", "", uris({"spiffe://127.0.0.1"})},
        {"root-us", "", uris({"spiffe://trust_domain.test"})},
        {"int-d1", "root-a", nothing()},
        {"int-d2", "int-d1", nothing()},
        {"int-d3", "int-d2", nothing()},
        {"int-d4", "int-d3", nothing()},
        {"int-d5", "int-d4", nothing()},
        {"int-nc-ok", "root-a", permitted("URI:example.org")},
        {"root-prod", "", uris({"spiffe://prod.example.org"})},
        {"int-nc-sub2", "root-prod", both(uris({"spiffe://prod.example.org"}), permitted("URI:.example.org"))},
        {"int-nc-dns", "root-a", permitted("DNS:internal.example")},
        {"int-nc-other", "root-a", permitted("URI:other.test")},
        {"int-nc-excl", "root-a", excluded("URI:example.org")},
        {"int-nc-dot", "root-a", both(uris({}), permitted("URI:.example.org"))},
        {"int-nc-soft", "root-a",
         both(both(uris({}), permitted("URI:other.test")), [](pki::Spec & spec) { spec.name_constraints_critical = false; })},
        {"int-eku-server", "root-a",
         [](pki::Spec & spec)
         {
             spec.extended_key_usage = true;
             spec.extended_key_usages = {"serverAuth"};
         }},
        {"int-ke", "root-a", key_usages({"keyCertSign", "keyEncipherment"})},
        {"int-httpsuri", "root-a", uris({"https://ca.example.org/int"})},
        {"int-critext", "root-a", critical_extension(true)},
        {"int-noca", "root-a", no_authority()},
        {"int-nobc", "root-a",
         [](pki::Spec & spec)
         {
             spec.basic_constraints = false;
         }},
        {"int-nocs", "root-a", key_usages({"cRLSign"})},
        {"int-noku", "root-a", no_key_usage()},
        {"int-softku", "root-a",
         [](pki::Spec & spec)
         {
             spec.key_usage_critical = false;
         }},
        {"int-path", "root-a", uris({"spiffe://example.org/ca"})},
        {"int-slash", "root-a", uris({"spiffe://example.org/"})},
        {"int-badid", "root-a", uris({"spiffe://Example.org"})},
        {"int-twouri", "root-a", uris({"spiffe://example.org", "spiffe://other.test"})},
        {"leaf-as-issuer", "root-a", leaf_like()},
        {"int-pl0", "root-a", path_length(0)},
        {"int-pl0-sub", "int-pl0", nothing()},
        {"int-under-pl0", "root-pl0", nothing()},
        {"int-f", "root-f", nothing()},
        {"int-expired", "root-a", in_the_past()},
        {"int-future", "root-a", in_the_future()},
        {"imposter", "", subject({{"C", "US"}, {"O", "SPIFFE"}, {"CN", "root-a"}})},
        {"imposter-bare", "", both(subject(shared_name), without_key_identifiers())},
        {"root-sha1", "", nothing()},
        {"int-sha1", "root-sha1",
         [](pki::Spec & spec)
         {
             spec.digest = "SHA1";
         }},
    };
    return signers;
}

pki::Spec signer_spec(const std::string & name)
{
    pki::Spec spec = pki::Spec::authority(name);
    spec.subject = {{"C", "US"}, {"O", "SPIFFE"}, {"CN", name}};
    spec.alt_names = {uri("spiffe://example.org")};
    spec.not_before_at = issued_from;
    spec.not_after_at = issued_until;
    return spec;
}

}

std::string long_trust_domain(size_t length)
{
    std::string out(length, 'a');
    for (size_t i = 63; i < length; i += 64)
        out[i] = '.';
    return out;
}

Change both(Change first, Change second)
{
    return [first = std::move(first), second = std::move(second)](pki::Spec & spec)
    {
        first(spec);
        second(spec);
    };
}

Change subject(std::vector<std::pair<std::string, std::string>> names)
{
    return [names = std::move(names)](pki::Spec & spec)
    {
        spec.subject = names;
    };
}

Change uris(std::vector<std::string> values)
{
    return [values = std::move(values)](pki::Spec & spec)
    {
        spec.alt_names.clear();
        for (const std::string & value : values)
            spec.alt_names.push_back(uri(value));
    };
}

Change key_usages(std::vector<std::string> usages)
{
    return [usages = std::move(usages)](pki::Spec & spec)
    {
        spec.key_usages = usages;
    };
}

Change valid(UnixTime from, UnixTime until)
{
    return [=](pki::Spec & spec)
    {
        spec.not_before_at = from;
        spec.not_after_at = until;
    };
}

Change in_the_past()
{
    return valid(std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}, std::chrono::sys_days{std::chrono::year{2021} / 1 / 1});
}

Change in_the_future()
{
    return valid(std::chrono::sys_days{foreign_year / 1 / 1}, issued_until);
}

Change without_key_identifiers()
{
    return [](pki::Spec & spec)
    {
        spec.subject_key_identifier = false;
        spec.authority_key_identifier = false;
    };
}

Change critical_extension(bool critical)
{
    return [=](pki::Spec & spec)
    {
        spec.extra.push_back({.oid = "1.3.6.1.4.1.55744.7", .critical = critical, .der = {0x0c, 0x02, 'h', 'i'}});
    };
}

pki::Spec leaf_spec(const std::string & common_name)
{
    pki::Spec spec;
    spec.subject = {{"C", "US"}, {"O", "SPIFFE"}, {"CN", common_name}};
    spec.alt_names = {uri("spiffe://example.org/workload")};
    spec.not_before_at = issued_from;
    spec.not_after_at = issued_until;
    return spec;
}

const pki::Issued & World::signer(const std::string & name)
{
    if (const auto known = issued_.find(name); known != issued_.end())
        return known->second;
    const auto entry = std::ranges::find(table(), name, &Signer::name);
    if (entry == table().end())
        throw std::runtime_error("no signer " + name);
    pki::Spec spec = signer_spec(name);
    entry->change(spec);
    const pki::Issued * issuer = entry->issuer.empty() ? nullptr : &signer(entry->issuer);
    const openssl::PrivateKey signing_key
        = entry->same_key_as.empty() ? must(pki::generate_key(spec.key)) : signer(entry->same_key_as).key;
    return issued_.emplace(name, must(pki::issue_for_key(spec, signing_key, issuer, usual_moment))).first->second;
}

spiffe::Bundle World::bundle(const std::string & trust_domain, const std::vector<std::string> & signers)
{
    spiffe::Bundle out;
    out.trust_domain = trust_domain;
    for (const std::string & name : signers)
        out.authorities.push_back(signer(name).certificate);
    return out;
}

}
