#include "openssl/facts.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>

#include "base/utf8.h"
#include "openssl/digest.h"
#include "openssl/name.h"
#include "openssl/strength.h"

namespace chmtls::openssl
{

namespace
{

/// Present and critical. The certificate has no extension twice (from_der).
struct Presence
{
    bool present = false;
    bool critical = false;
};

Presence presence(const X509 * certificate, int nid)
{
    const int index = X509_get_ext_by_NID(certificate, nid, -1);
    if (index < 0)
        return {};
    return {.present = true, .critical = X509_EXTENSION_get_critical(X509_get_ext(certificate, index)) == 1};
}

/// The value of an extension that is there. It was read when the certificate was parsed (from_der), so only want of memory can
/// keep it from being read now; a certificate without its names would be judged as if it had none.
template <typename T>
std::unique_ptr<T, void (*)(T *)> decoded(const X509 * certificate, int nid, void (*release)(T *))
{
    std::unique_ptr<T, void (*)(T *)> value{static_cast<T *>(X509_get_ext_d2i(certificate, nid, nullptr, nullptr)), release};
    if (value == nullptr)
        throw std::bad_alloc();
    return value;
}

std::string text_of(const ASN1_STRING * value)
{
    const auto length = static_cast<size_t>(std::max(ASN1_STRING_length(value), 0));
    return {reinterpret_cast<const char *>(ASN1_STRING_get0_data(value)), length};
}

std::optional<std::string> address_of(std::string_view bytes)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
    if ((bytes.size() != 4 && bytes.size() != 16)
        || inet_ntop(family, bytes.data(), text.data(), static_cast<socklen_t>(text.size())) == nullptr)
        return std::nullopt;
    return std::string(text.data());
}

void read_common_name(const X509_NAME * subject, CertificateFacts & facts)
{
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0)
        return;
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0)
    {
        facts.common_name_defect = "more than one";
        return;
    }
    auto text = string_value(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    if (!text)
        facts.common_name_defect = "not UTF-8";
    else if (text->empty())
        facts.common_name_defect = "empty";
    else if (text->find('\0') != std::string::npos)
        facts.common_name_defect = "NUL";
    else if (has_control(*text))
        facts.common_name_defect = "control character";
    else
        facts.common_name = std::move(text);
}

void add_checked(std::vector<std::string> & names, SubjectAltNames & san, const char * kind, std::string value)
{
    if (uri_is_clean(value))
        names.push_back(std::move(value));
    else
        san.unusable.push_back(fmt::format("{}:{}", kind, printable(value)));
}

SubjectAltNames read_alt_names(const X509 * certificate)
{
    SubjectAltNames san;
    const Presence found = presence(certificate, NID_subject_alt_name);
    san.present = found.present;
    san.critical = found.critical;
    if (!found.present)
        return san;
    const auto names = decoded<GENERAL_NAMES>(certificate, NID_subject_alt_name, GENERAL_NAMES_free);
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
    {
        const GENERAL_NAME * const name = sk_GENERAL_NAME_value(names.get(), i);
        switch (name->type)
        {
        case GEN_DNS:
            add_checked(san.dns, san, "DNS", text_of(name->d.dNSName));
            break;
        case GEN_EMAIL:
            add_checked(san.emails, san, "EMAIL", text_of(name->d.rfc822Name));
            break;
        case GEN_URI:
            san.uris.push_back(text_of(name->d.uniformResourceIdentifier));
            break;
        case GEN_IPADD:
        {
            const std::string bytes = text_of(name->d.iPAddress);
            if (auto address = address_of(bytes))
                san.ips.push_back(std::move(*address));
            else
                san.unusable.push_back("IP:#" + to_hex(as_bytes(bytes)));
            break;
        }
        default:
            ++san.others;
        }
    }
    return san;
}

std::string serial_of(const X509 * certificate)
{
    const ASN1_INTEGER * const serial = X509_get0_serialNumber(certificate);
    const std::string hex = to_hex(as_bytes(text_of(serial)));
    const size_t first = hex.find_first_not_of('0');
    if (first == std::string::npos)
        return "0";
    return (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "") + hex.substr(first);
}

KeyUsage read_key_usage(const X509 * certificate)
{
    const Presence found = presence(certificate, NID_key_usage);
    // X509_get_key_usage says "all bits" when the extension is absent: never ask it then.
    return {
        .present = found.present,
        .critical = found.critical,
        .bits = found.present ? X509_get_key_usage(const_cast<X509 *>(certificate)) : 0};
}

ExtendedKeyUsage read_extended_key_usage(const X509 * certificate)
{
    const Presence found = presence(certificate, NID_ext_key_usage);
    ExtendedKeyUsage usage;
    usage.present = found.present;
    usage.critical = found.critical;
    if (!found.present)
        return usage;
    const auto purposes = decoded<EXTENDED_KEY_USAGE>(certificate, NID_ext_key_usage, EXTENDED_KEY_USAGE_free);
    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes.get()); ++i)
    {
        const ASN1_OBJECT * const purpose = sk_ASN1_OBJECT_value(purposes.get(), i);
        const int nid = OBJ_obj2nid(purpose);
        usage.server_auth = usage.server_auth || nid == NID_server_auth;
        usage.client_auth = usage.client_auth || nid == NID_client_auth;
        usage.any = usage.any || nid == NID_anyExtendedKeyUsage;
        usage.oids.push_back(dotted_decimal(purpose));
    }
    return usage;
}

BasicConstraints read_basic_constraints(const X509 * certificate)
{
    const Presence found = presence(certificate, NID_basic_constraints);
    BasicConstraints constraints;
    constraints.present = found.present;
    constraints.critical = found.critical;
    if (!found.present)
        return constraints;
    const auto decoded_constraints = decoded<BASIC_CONSTRAINTS>(certificate, NID_basic_constraints, BASIC_CONSTRAINTS_free);
    constraints.ca = decoded_constraints->ca != 0;
    if (decoded_constraints->pathlen != nullptr)
    {
        // Beyond 32 bits it bounds nothing that can exist.
        const long length = ASN1_INTEGER_get(decoded_constraints->pathlen);
        constraints.path_length = length < 0 || length > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(length);
    }
    return constraints;
}

std::string describe_key(const X509 * certificate)
{
    const EVP_PKEY * const key = X509_get0_pubkey(certificate);
    if (key == nullptr)
        return "unknown";
    const int type = EVP_PKEY_get_base_id(key);
    switch (type)
    {
    case EVP_PKEY_RSA:
        return fmt::format("RSA {}", EVP_PKEY_get_bits(key));
    case EVP_PKEY_RSA_PSS:
        return fmt::format("RSA-PSS {}", EVP_PKEY_get_bits(key));
    case EVP_PKEY_EC:
        return "EC " + curve_name(key);
    default:
    {
        const char * const name = EVP_PKEY_get0_type_name(key);
        return name == nullptr ? "unknown" : name;
    }
    }
}

std::string describe_signature(const X509 * certificate)
{
    const int nid = X509_get_signature_nid(certificate);
    const char * const name = nid == NID_undef ? nullptr : OBJ_nid2ln(nid);
    return name == nullptr ? "unknown" : name;
}

Digest32 digest_of_key(const X509 * certificate)
{
    unsigned char * data = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &data);
    const std::unique_ptr<unsigned char, void (*)(unsigned char *)> owned(data, [](unsigned char * p) { OPENSSL_free(p); });
    if (length <= 0)
        throw std::bad_alloc();
    return sha256({data, static_cast<size_t>(length)});
}

}

bool uri_is_clean(std::string_view uri)
{
    return !uri.empty() && std::all_of(uri.begin(), uri.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
}

CertificateFacts read_facts(const X509 * certificate, ByteView der)
{
    CertificateFacts facts;
    const X509_NAME * const subject = X509_get_subject_name(certificate);
    facts.subject = print_name(subject);
    facts.issuer = print_name(X509_get_issuer_name(certificate));
    facts.subject_empty = X509_NAME_entry_count(subject) == 0;
    read_common_name(subject, facts);
    facts.san = read_alt_names(certificate);
    facts.serial_hex = serial_of(certificate);
    facts.fingerprint_sha256 = sha256(der);
    facts.spki_sha256 = digest_of_key(certificate);
    facts.key_usage = read_key_usage(certificate);
    facts.extended_key_usage = read_extended_key_usage(certificate);
    facts.basic_constraints = read_basic_constraints(certificate);
    facts.public_key = describe_key(certificate);
    facts.signature_algorithm = describe_signature(certificate);
    return facts;
}

}
