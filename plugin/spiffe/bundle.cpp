#include "spiffe/bundle.h"

#include <algorithm>

#include "base/utf8.h"
#include "openssl/pem_blocks.h"
#include "spiffe/base64.h"
#include "spiffe/jwk.h"

namespace chmtls::spiffe
{

namespace
{

constexpr std::string_view json_blanks = " \t\r\n";

Error bundle_error(const std::string & source, std::string field, std::string code, std::string reason, std::string remedy)
{
    return Error{
        .file = source,
        .field = std::move(field),
        .reason = std::move(reason),
        .remedy = std::move(remedy),
        .code = std::move(code)};
}

bool is_json(ByteView bytes)
{
    const std::string_view text = as_text(bytes);
    const size_t first = text.find_first_not_of(json_blanks);
    return first != std::string_view::npos && text[first] == '{';
}

void add_once(Bundle & bundle, const openssl::Certificate & authority, const std::string & where)
{
    if (std::ranges::find(bundle.authorities, authority) != bundle.authorities.end())
    {
        bundle.notes.push_back(where + ": the same authority once more, counted once");
        return;
    }
    const openssl::CertificateFacts & facts = authority.facts();
    const std::string name = where + " (" + printable(facts.subject) + ")";
    if (!facts.basic_constraints.ca)
        bundle.notes.push_back(name + ": no certificate authority by its basic constraints; nothing below it verifies");
    for (const std::string & uri : facts.san.uris)
    {
        const auto id = Id::parse(uri);
        if (id && !id->path().empty())
            bundle.notes.push_back(name + ": the ID of an authority should have no path (X509-SVID 3.2)");
    }
    bundle.authorities.push_back(authority);
}

const std::string * text_of(const JsonObject & object, std::string_view name)
{
    const JsonValue * member = object.find(name);
    return member == nullptr ? nullptr : member->as<std::string>();
}

/// Why an entry is none for X.509 (Trust Domain and Bundle 4.2, X509-SVID 6.2); empty text: another use, which is no news.
std::optional<std::string> why_ignored(const JsonObject & entry)
{
    const std::string * kty = text_of(entry, "kty");
    if (kty == nullptr)
        return "ignored, it has no kty";
    if (!is_known_key_type(*kty))
        return "ignored, its kty \"" + printable(*kty, 32) + "\" is not known";
    const std::string * use = text_of(entry, "use");
    if (use == nullptr)
        return "ignored, it has no use";
    if (*use == "jwt-svid" || *use == "wit-svid")
        return std::string{};
    if (*use != "x509-svid")
        return "ignored, its use \"" + printable(*use, 32) + "\" is not known";
    return std::nullopt;
}

/// One x509-svid entry (X509-SVID 6.1, 6.2).
Result<void> read_entry(const JsonObject & entry, const std::string & where, const std::string & source, Bundle & bundle)
{
    const JsonValue * member = entry.find("x5c");
    const JsonArray * values = member == nullptr ? nullptr : member->as<JsonArray>();
    if (member != nullptr && values == nullptr)
        return fail(bundle_error(source, where + ".x5c", "X5C", "x5c is no array", "publish the bundle again"));
    if (values == nullptr || values->empty())
    {
        bundle.notes.push_back(where + ": ignored, its x5c is " + (member == nullptr ? "missing" : "empty"));
        return {};
    }
    if (values->size() > 1)
        bundle.notes.push_back(where + ": only the first of " + std::to_string(values->size()) + " x5c values is used");
    const std::string * text = values->front().as<std::string>();
    const auto der = text == nullptr ? std::nullopt : decode_base64(*text);
    if (!der)
        return fail(bundle_error(
            source, where + ".x5c", "X5C", "x5c is not base64 in the plain alphabet (RFC 4648 4)",
            "publish the certificate's DER in plain base64"));
    const auto certificate = openssl::Certificate::from_der(*der);
    if (!certificate)
        return fail(bundle_error(
            source, where + ".x5c", "X5C", "x5c is not one DER certificate: " + certificate.error().reason,
            "publish the bundle again"));
    if (!describes_key_of(entry, *certificate))
        return fail(bundle_error(
            source, where, "KEY-MISMATCH",
            "the entry's key members are not the key of its certificate " + printable(certificate->facts().subject),
            "publish the bundle again (RFC 7517 4.7)"));
    add_once(bundle, *certificate, where);
    return {};
}

Result<std::optional<uint64_t>>
read_integer(const JsonObject & object, std::string_view name, const std::string & code, const std::string & source)
{
    const JsonValue * member = object.find(name);
    if (member == nullptr)
        return std::optional<uint64_t>{};
    const uint64_t * number = member->as<uint64_t>();
    if (number == nullptr)
        return fail(bundle_error(
            source, std::string(name), code, "must be an integer from 0 to 18446744073709551615", "publish the bundle again"));
    return std::optional<uint64_t>{*number};
}

Result<Bundle> bundle_from(const std::string & trust_domain, const JsonObject & object, const std::string & source)
{
    Bundle bundle;
    bundle.trust_domain = trust_domain;
    const JsonValue * member = object.find("keys");
    const JsonArray * keys = member == nullptr ? nullptr : member->as<JsonArray>();
    if (keys == nullptr)
        return fail(bundle_error(
            source, "keys", "KEYS", member == nullptr ? "the member is missing" : "must be an array",
            "give a JWK Set; a trust domain without authorities has \"keys\": []"));
    auto sequence = read_integer(object, "spiffe_sequence", "SEQUENCE", source);
    if (!sequence)
        return fail(std::move(sequence.error()));
    auto refresh_hint = read_integer(object, "spiffe_refresh_hint", "REFRESH-HINT", source);
    if (!refresh_hint)
        return fail(std::move(refresh_hint.error()));
    bundle.sequence = *sequence;
    bundle.refresh_hint = *refresh_hint;

    bool any_x509 = false;
    for (size_t i = 0; i < keys->size(); ++i)
    {
        const std::string where = "keys[" + std::to_string(i) + "]";
        const auto * entry = (*keys)[i].as<JsonObject>();
        if (entry == nullptr)
            return fail(bundle_error(source, where, "KEYS", "is no object", "give a JWK Set"));
        if (const auto why = why_ignored(*entry))
        {
            if (!why->empty())
                bundle.notes.push_back(where + ": " + *why);
            continue;
        }
        any_x509 = true;
        if (auto read = read_entry(*entry, where, source, bundle); !read)
            return fail(std::move(read.error()));
    }
    if (!any_x509)
        bundle.notes.push_back("no x509-svid entry: the trust domain has no X.509-SVIDs");
    return bundle;
}

Result<std::string> checked_name(const std::string & name, const std::string & source)
{
    auto parsed = parse_trust_domain(name);
    if (!parsed)
        return fail(bundle_error(
            source, "trust domain " + printable(name), "TRUST-DOMAIN", std::string(message(parsed.error())),
            "name it as in spiffe://NAME/..., in lower case"));
    return *parsed;
}

Result<Bundle> bundle_from_pem(const std::string & trust_domain, ByteView bytes, const std::string & source)
{
    Bundle bundle;
    bundle.trust_domain = trust_domain;
    const auto certificates = openssl::certificates_from_pem(bytes, source);
    if (!certificates)
    {
        Error error = certificates.error();
        error.code = "PEM";
        return fail(std::move(error));
    }
    for (size_t i = 0; i < certificates->size(); ++i)
        add_once(bundle, (*certificates)[i], "certificate " + std::to_string(i + 1));
    if (bundle.authorities.empty())
        bundle.notes.emplace_back("no authority: nothing of this trust domain verifies");
    return bundle;
}

}

Result<Bundle> parse_bundle(const std::string & trust_domain, ByteView bytes, const std::string & source)
{
    auto name = checked_name(trust_domain, source);
    if (!name)
        return fail(std::move(name.error()));
    bytes = as_bytes(without_byte_order_mark(as_text(bytes)));
    if (!is_json(bytes))
        return bundle_from_pem(*name, bytes, source);
    const auto json = parse_json(bytes, source);
    if (!json)
        return fail(json.error());
    return bundle_from(*name, *json->as<JsonObject>(), source);
}

Result<std::vector<Bundle>> parse_bundle_map(ByteView bytes, const std::string & source)
{
    const auto json = parse_json(as_bytes(without_byte_order_mark(as_text(bytes))), source);
    if (!json)
        return fail(json.error());
    const auto * object = json->as<JsonObject>();
    const JsonValue * member = object == nullptr ? nullptr : object->find("trust_domains");
    const JsonObject * domains = member == nullptr ? nullptr : member->as<JsonObject>();
    if (domains == nullptr)
        return fail(bundle_error(
            source, "trust_domains", "TRUST-DOMAINS", member == nullptr ? "the member is missing" : "must be an object",
            "give {\"trust_domains\": {name: bundle, ...}}"));
    std::vector<Bundle> out;
    for (const auto & [given, value] : domains->members)
    {
        auto name = checked_name(given, source);
        if (!name)
            return fail(std::move(name.error()));
        // Two ways of writing one name (with and without spiffe://) would be one trust domain twice.
        if (*name != given)
            return fail(bundle_error(
                source, "trust domain " + printable(given), "TRUST-DOMAIN", "a bundle map is keyed by bare names",
                "leave out spiffe://"));
        const auto * bundle_object = value.as<JsonObject>();
        if (bundle_object == nullptr)
            return fail(bundle_error(source, given, "KEYS", "the bundle is no object", "give a JWK Set"));
        auto bundle = bundle_from(*name, *bundle_object, source);
        if (!bundle)
        {
            Error error = std::move(bundle.error());
            error.field = given + ": " + error.field;
            return fail(std::move(error));
        }
        out.push_back(std::move(*bundle));
    }
    return out;
}

}
