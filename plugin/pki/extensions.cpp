#include "pki/extensions.h"

#include <array>
#include <string_view>

#include <fmt/format.h>
#include <openssl/objects.h>

#include "openssl/error_queue.h"

namespace chmtls::pki
{

namespace
{

using namespace chmtls::openssl;

using Done = Result<std::monostate>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Freed<GENERAL_NAME_free>>;
using BasicConstraintsPtr = std::unique_ptr<BASIC_CONSTRAINTS, Freed<BASIC_CONSTRAINTS_free>>;
using NameConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, Freed<NAME_CONSTRAINTS_free>>;
using SubtreePtr = std::unique_ptr<GENERAL_SUBTREE, Freed<GENERAL_SUBTREE_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, Freed<ASN1_BIT_STRING_free>>;
using PurposesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, Freed<EXTENDED_KEY_USAGE_free>>;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>>;
using KeyIdentifierPtr = std::unique_ptr<AUTHORITY_KEYID, Freed<AUTHORITY_KEYID_free>>;
using StringPtr = std::unique_ptr<ASN1_STRING, Freed<ASN1_STRING_free>>;

const unsigned char * data_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char *>(text.data());
}

Done added(int result, std::string_view what)
{
    if (result == 1)
        return std::monostate{};
    return failure(std::string(what), "cannot be made: " + drain_errors());
}

Done append(X509 * certificate, int nid, void * value, bool critical)
{
    return added(X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_APPEND), OBJ_nid2sn(nid));
}

Done add_basic_constraints(X509 * certificate, const Spec & spec)
{
    const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
    constraints->ca = spec.ca ? 0xff : 0;
    if (spec.path_length)
    {
        constraints->pathlen = ASN1_INTEGER_new();
        ASN1_INTEGER_set_uint64(constraints->pathlen, *spec.path_length);
    }
    return append(certificate, NID_basic_constraints, constraints.get(), spec.basic_constraints_critical);
}

/// The bit's number, RFC 5280 4.2.1.3.
std::optional<int> key_usage_bit(std::string_view name)
{
    static constexpr std::array<std::string_view, 9> names{"digitalSignature", "nonRepudiation", "keyEncipherment",
                                                           "dataEncipherment", "keyAgreement",   "keyCertSign",
                                                           "cRLSign",          "encipherOnly",   "decipherOnly"};
    if (name == "contentCommitment")
        return 1;
    for (size_t i = 0; i < names.size(); ++i)
        if (names[i] == name)
            return static_cast<int>(i);
    return std::nullopt;
}

Done add_key_usage(X509 * certificate, const Spec & spec)
{
    const BitStringPtr bits(ASN1_BIT_STRING_new());
    for (const std::string & usage : spec.key_usages)
    {
        const auto bit = key_usage_bit(usage);
        if (!bit)
            return failure("key usage " + usage, "is unknown");
        ASN1_BIT_STRING_set_bit(bits.get(), *bit, 1);
    }
    return append(certificate, NID_key_usage, bits.get(), spec.key_usage_critical);
}

Done add_extended_key_usage(X509 * certificate, const Spec & spec)
{
    const PurposesPtr purposes(sk_ASN1_OBJECT_new_null());
    for (const std::string & usage : spec.extended_key_usages)
    {
        ObjectPtr object(OBJ_txt2obj(usage.c_str(), 0));
        if (!object)
            return failure("extended key usage " + usage, "is unknown");
        sk_ASN1_OBJECT_push(purposes.get(), object.release());
    }
    return append(certificate, NID_ext_key_usage, purposes.get(), spec.extended_key_usage_critical);
}

GeneralNamePtr ia5_name(int type, std::string_view value)
{
    StringPtr string(ASN1_STRING_type_new(V_ASN1_IA5STRING));
    ASN1_STRING_set(string.get(), value.data(), static_cast<int>(value.size()));
    GeneralNamePtr name(GENERAL_NAME_new());
    GENERAL_NAME_set0_value(name.get(), type, string.release());
    return name;
}

GeneralNamePtr address_name(ASN1_OCTET_STRING * address)
{
    if (address == nullptr)
        return nullptr;
    GeneralNamePtr name(GENERAL_NAME_new());
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, address);
    return name;
}

/// The user principal name of Active Directory, as an otherName of no other meaning here.
GeneralNamePtr principal_name(std::string_view value)
{
    StringPtr string(ASN1_STRING_type_new(V_ASN1_UTF8STRING));
    ASN1_STRING_set(string.get(), value.data(), static_cast<int>(value.size()));
    ASN1_TYPE * const any = ASN1_TYPE_new();
    ASN1_TYPE_set(any, V_ASN1_UTF8STRING, string.release());
    GeneralNamePtr name(GENERAL_NAME_new());
    GENERAL_NAME_set0_othername(name.get(), OBJ_txt2obj("1.3.6.1.4.1.311.20.2.3", 1), any);
    return name;
}

Result<GeneralNamePtr> alt_name(const AltName & alt)
{
    switch (alt.kind)
    {
    case AltName::Kind::dns:
        return ia5_name(GEN_DNS, alt.value);
    case AltName::Kind::uri:
        return ia5_name(GEN_URI, alt.value);
    case AltName::Kind::email:
        return ia5_name(GEN_EMAIL, alt.value);
    case AltName::Kind::other:
        return principal_name(alt.value);
    case AltName::Kind::ip:
    {
        GeneralNamePtr name = address_name(a2i_IPADDRESS(alt.value.c_str()));
        if (!name)
            return failure("IP " + alt.value, "is no address");
        return name;
    }
    case AltName::Kind::directory:
    {
        auto directory = make_name({{"CN", alt.value}});
        if (!directory)
            return fail(std::move(directory.error()));
        GeneralNamePtr name(GENERAL_NAME_new());
        GENERAL_NAME_set0_value(name.get(), GEN_DIRNAME, directory->release());
        return name;
    }
    }
    return failure("alternative name", "is of no known kind");
}

Done add_alt_names(X509 * certificate, const Spec & spec)
{
    const GeneralNamesPtr names(GENERAL_NAMES_new());
    for (const AltName & alt : spec.alt_names)
    {
        auto name = alt_name(alt);
        if (!name)
            return fail(std::move(name.error()));
        sk_GENERAL_NAME_push(names.get(), name->release());
    }
    return append(certificate, NID_subject_alt_name, names.get(), spec.san_critical);
}

Result<SubtreePtr> subtree(const std::string & constraint)
{
    const size_t colon = constraint.find(':');
    const std::string kind = constraint.substr(0, colon);
    const std::string value = colon == std::string::npos ? "" : constraint.substr(colon + 1);
    GeneralNamePtr name;
    if (kind == "URI")
        name = ia5_name(GEN_URI, value);
    else if (kind == "DNS")
        name = ia5_name(GEN_DNS, value);
    else if (kind == "EMAIL")
        name = ia5_name(GEN_EMAIL, value);
    else if (kind == "IP")
        name = address_name(a2i_IPADDRESS_NC(value.c_str()));
    if (!name)
        return failure("name constraint " + constraint, "is none of URI:, DNS:, EMAIL:, IP:address/mask");
    SubtreePtr tree(GENERAL_SUBTREE_new());
    GENERAL_NAME_free(tree->base);
    tree->base = name.release();
    return tree;
}

Done add_subtrees(STACK_OF(GENERAL_SUBTREE) * &trees, const std::vector<std::string> & constraints)
{
    if (constraints.empty())
        return std::monostate{};
    trees = sk_GENERAL_SUBTREE_new_null();
    for (const std::string & constraint : constraints)
    {
        auto tree = subtree(constraint);
        if (!tree)
            return fail(std::move(tree.error()));
        sk_GENERAL_SUBTREE_push(trees, tree->release());
    }
    return std::monostate{};
}

Done add_name_constraints(X509 * certificate, const Spec & spec)
{
    const NameConstraintsPtr constraints(NAME_CONSTRAINTS_new());
    if (auto done = add_subtrees(constraints->permittedSubtrees, spec.permitted_names); !done)
        return done;
    if (auto done = add_subtrees(constraints->excludedSubtrees, spec.excluded_names); !done)
        return done;
    return append(certificate, NID_name_constraints, constraints.get(), spec.name_constraints_critical);
}

/// Method 1 of RFC 5280 4.2.1.2: SHA-1 of the public key's bits.
Done add_subject_key_identifier(X509 * certificate)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (X509_pubkey_digest(certificate, EVP_sha1(), digest.data(), &length) != 1)
        return failure("subjectKeyIdentifier", drain_errors());
    const Asn1OctetStringPtr identifier(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(identifier.get(), digest.data(), static_cast<int>(length));
    return append(certificate, NID_subject_key_identifier, identifier.get(), false);
}

Done add_raw(X509 * certificate, const RawExtension & extension)
{
    const ObjectPtr oid(OBJ_txt2obj(extension.oid.c_str(), 1));
    if (!oid)
        return failure("extension " + extension.oid, "is no object identifier");
    const Asn1OctetStringPtr value(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(value.get(), extension.der.data(), static_cast<int>(extension.der.size()));
    const X509ExtensionPtr made(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), extension.critical ? 1 : 0, value.get()));
    return added(made ? X509_add_ext(certificate, made.get(), -1) : 0, extension.oid);
}

/// DirectoryString or what the attribute's own definition demands (RFC 5280 appendix A.1).
int string_type(int nid)
{
    switch (nid)
    {
    case NID_countryName:
    case NID_serialNumber:
        return V_ASN1_PRINTABLESTRING;
    case NID_pkcs9_emailAddress:
    case NID_domainComponent:
        return V_ASN1_IA5STRING;
    default:
        return V_ASN1_UTF8STRING;
    }
}

}

tl::unexpected<Error> failure(std::string field, std::string reason)
{
    return fail({.file = {}, .field = std::move(field), .reason = std::move(reason), .remedy = {}, .code = {}});
}

X509ExtensionPtr authority_key_identifier(const X509 * issuer)
{
    const ASN1_OCTET_STRING * const of_issuer = X509_get0_subject_key_id(const_cast<X509 *>(issuer));
    if (of_issuer == nullptr)
        return nullptr;
    const KeyIdentifierPtr identifier(AUTHORITY_KEYID_new());
    identifier->keyid = ASN1_OCTET_STRING_dup(of_issuer);
    return X509ExtensionPtr(X509V3_EXT_i2d(NID_authority_key_identifier, 0, identifier.get()));
}

Result<X509NamePtr> make_name(const std::vector<std::pair<std::string, std::string>> & attributes)
{
    X509NamePtr name(X509_NAME_new());
    for (const auto & [written, value] : attributes)
    {
        const bool joins = written.starts_with('+');
        const std::string type = joins ? written.substr(1) : written;
        const ObjectPtr object(OBJ_txt2obj(type.c_str(), 0));
        if (!object)
            return failure("subject attribute " + type, "is unknown");
        if (X509_NAME_add_entry_by_OBJ(
                name.get(), object.get(), string_type(OBJ_obj2nid(object.get())), data_of(value), static_cast<int>(value.size()),
                -1, joins ? -1 : 0)
            != 1)
            return failure("subject attribute " + type, drain_errors());
    }
    return name;
}

Done add_extensions(X509 * certificate, const Spec & spec, const X509 * issuer)
{
    Done done = std::monostate{};
    const auto then = [&](bool wanted, auto && add)
    {
        if (done && wanted)
            done = add();
    };
    const bool constrains = !spec.permitted_names.empty() || !spec.excluded_names.empty();
    then(spec.basic_constraints, [&] { return add_basic_constraints(certificate, spec); });
    then(spec.key_usage, [&] { return add_key_usage(certificate, spec); });
    then(spec.extended_key_usage, [&] { return add_extended_key_usage(certificate, spec); });
    then(!spec.alt_names.empty() || spec.san_present_when_empty, [&] { return add_alt_names(certificate, spec); });
    then(spec.subject_key_identifier, [&] { return add_subject_key_identifier(certificate); });
    if (const auto identifier = issuer == nullptr ? nullptr : authority_key_identifier(issuer))
        then(
            spec.authority_key_identifier,
            [&] { return added(X509_add_ext(certificate, identifier.get(), -1), "authorityKeyIdentifier"); });
    then(constrains, [&] { return add_name_constraints(certificate, spec); });
    for (const RawExtension & extension : spec.extra)
        then(true, [&] { return add_raw(certificate, extension); });
    return done;
}

}
