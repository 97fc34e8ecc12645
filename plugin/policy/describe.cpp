#include "policy/describe.h"

#include <sstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

namespace chmtls::policy
{

namespace
{

// Far above what a certificate within the limits of a handshake holds: nothing is cut in practice.
constexpr size_t text_limit = 64u << 10;

std::string text(std::string_view foreign)
{
    return printable(foreign, text_limit);
}

Poco::Dynamic::Var optional_text(const std::optional<std::string_view> & value)
{
    return value ? Poco::Dynamic::Var(text(*value)) : Poco::Dynamic::Var();
}

Poco::JSON::Array texts(const std::vector<std::string> & values)
{
    Poco::JSON::Array array;
    for (const auto & value : values)
        array.add(text(value));
    return array;
}

Poco::Dynamic::Var key_usage(const openssl::KeyUsage & usage)
{
    if (!usage.present)
        return {};
    // RFC 5280 4.2.1.3, in its order.
    static constexpr std::array<std::pair<uint32_t, const char *>, 9> names{{
        {KU_DIGITAL_SIGNATURE, "digitalSignature"},
        {KU_NON_REPUDIATION, "nonRepudiation"},
        {KU_KEY_ENCIPHERMENT, "keyEncipherment"},
        {KU_DATA_ENCIPHERMENT, "dataEncipherment"},
        {KU_KEY_AGREEMENT, "keyAgreement"},
        {KU_KEY_CERT_SIGN, "keyCertSign"},
        {KU_CRL_SIGN, "cRLSign"},
        {KU_ENCIPHER_ONLY, "encipherOnly"},
        {KU_DECIPHER_ONLY, "decipherOnly"},
    }};
    Poco::JSON::Array array;
    for (const auto & [bit, name] : names)
    {
        if (usage.has(bit))
            array.add(std::string(name));
    }
    return array;
}

Poco::Dynamic::Var extended_key_usage(const openssl::ExtendedKeyUsage & usage)
{
    if (!usage.present)
        return {};
    // RFC 5280 4.2.1.12; purposes without a name here stay dotted decimal.
    static constexpr std::array<std::pair<std::string_view, const char *>, 3> names{{
        {"1.3.6.1.5.5.7.3.1", "serverAuth"},
        {"1.3.6.1.5.5.7.3.2", "clientAuth"},
        {"2.5.29.37.0", "anyExtendedKeyUsage"},
    }};
    Poco::JSON::Array array;
    for (const auto & oid : usage.oids)
    {
        std::string shown = text(oid);
        for (const auto & [dotted, name] : names)
        {
            if (oid == dotted)
                shown = name;
        }
        array.add(shown);
    }
    return array;
}

Poco::JSON::Object alternative_names(const openssl::SubjectAltNames & san)
{
    Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
    object.set("dns", texts(san.dns));
    object.set("uri", texts(san.uris));
    object.set("email", texts(san.emails));
    object.set("ip", texts(san.ips));
    object.set("others", static_cast<Poco::UInt64>(san.others));
    object.set("unusable", texts(san.unusable));
    return object;
}

Poco::JSON::Object object_of(const mapping::Subject & subject)
{
    const auto & facts = subject.facts;
    Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
    object.set("subject", text(facts.subject));
    object.set("issuer", text(facts.issuer));
    object.set("common_name", optional_text(facts.common_name));
    if (facts.common_name_defect)
        object.set("common_name_defect", text(*facts.common_name_defect));
    object.set("san", alternative_names(facts.san));
    object.set("spiffe_id", optional_text(subject.spiffe_id));
    object.set("trust_domain", optional_text(subject.trust_domain));
    object.set("serial", facts.serial_hex);
    object.set("fingerprint_sha256", to_hex(facts.fingerprint_sha256));
    object.set("spki_sha256", to_hex(facts.spki_sha256));
    object.set(
        "issuer_spki_sha256",
        subject.issuer_spki_sha256 ? Poco::Dynamic::Var(to_hex(*subject.issuer_spki_sha256)) : Poco::Dynamic::Var());
    object.set("not_before", format_rfc3339(facts.not_before));
    object.set("not_after", format_rfc3339(facts.not_after));
    object.set("key_usage", key_usage(facts.key_usage));
    object.set("extended_key_usage", extended_key_usage(facts.extended_key_usage));
    object.set("ca", facts.basic_constraints.ca);
    object.set("public_key", facts.public_key);
    object.set("signature_algorithm", facts.signature_algorithm);
    return object;
}

Poco::JSON::Object object_of(const Identity & identity)
{
    auto object = object_of(identity.subject());
    object.set("listener", identity.connected_to_us() ? Poco::Dynamic::Var(text(identity.met.listener)) : Poco::Dynamic::Var());
    object.set("generation", static_cast<Poco::UInt64>(identity.generation));
    object.set("valid_until", format_rfc3339(identity.valid_until));
    object.set("chain_length", static_cast<Poco::UInt64>(identity.sent.size()));
    return object;
}

Poco::Dynamic::Var node_rule_of(const generation::Generation & generation, const Identity & identity)
{
    if (generation.nodes == nullptr || generation.nodes->rules == nullptr)
        return {};
    const auto match = generation.nodes->rules->match(identity.subject());
    if (match.reason == Reason::no_rule)
        return {};
    return text(match.rule);
}

std::string print(const Poco::JSON::Object & object)
{
    std::ostringstream out;
    object.stringify(out);
    return out.str();
}

}

std::string identity_json(const mapping::Subject & subject)
{
    return print(object_of(subject));
}

std::string identity_json(const Identity & identity)
{
    return print(object_of(identity));
}

std::string identity_json(const Identity & identity, const generation::Generation & generation)
{
    auto object = object_of(identity);
    object.set("node", node_rule_of(generation, identity));
    return print(object);
}

}
