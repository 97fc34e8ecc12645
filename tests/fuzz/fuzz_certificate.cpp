#include <algorithm>
#include <array>
#include <cstdio>

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include "openssl/certificate.h"
#include "spiffe/svid.h"
#include "target.h"

using namespace chmtls;

namespace
{

/// OpenSSL's own reading of the SAN, counted.
size_t count_general_names(const openssl::Certificate & certificate)
{
    const openssl::GeneralNamesPtr names(
        static_cast<GENERAL_NAMES *>(X509_get_ext_d2i(certificate.x509(), NID_subject_alt_name, nullptr, nullptr)));
    return names ? static_cast<size_t>(sk_GENERAL_NAME_num(names.get())) : 0;
}

/// The names of one kind as OpenSSL prints them.
std::vector<std::string> texts_by_openssl(const openssl::Certificate & certificate, int type)
{
    const openssl::GeneralNamesPtr names(
        static_cast<GENERAL_NAMES *>(X509_get_ext_d2i(certificate.x509(), NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> texts;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
    {
        auto * const name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != type)
            continue;
        const openssl::BioPtr out(BIO_new(BIO_s_mem()));
        fuzz::require(GENERAL_NAME_print(out.get(), name) == 1);
        char * text = nullptr;
        const long size = BIO_get_mem_data(out.get(), &text);
        texts.emplace_back(text, static_cast<size_t>(size));
    }
    return texts;
}

/// Each of ours is one of OpenSSL's, in the same order; the ones that we call unusable may be missing. OpenSSL prints a dot for
/// what is no printable ASCII.
void require_read_alike(const std::vector<std::string> & ours, const std::string & prefix, const std::vector<std::string> & texts)
{
    auto at = texts.begin();
    for (const auto & value : ours)
    {
        std::string printed = prefix;
        for (const char c : value)
            printed += (c >= ' ' && c <= '~') || c == '\n' || c == '\r' ? c : '.';
        at = std::find(at, texts.end(), printed);
        fuzz::require(at != texts.end());
        ++at;
    }
}

/// An address that we print in RFC 5952's form, in the form in which OpenSSL prints it.
std::string address_by_openssl(const std::string & ours)
{
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET, ours.c_str(), bytes.data()) == 1)
        return "IP Address:" + ours;
    fuzz::require(inet_pton(AF_INET6, ours.c_str(), bytes.data()) == 1);
    std::string text = "IP Address";
    for (size_t i = 0; i < bytes.size(); i += 2)
    {
        std::array<char, 8> group{};
        std::snprintf(group.data(), group.size(), ":%X", static_cast<unsigned>(bytes[i] << 8 | bytes[i + 1]));
        text += group.data();
    }
    return text;
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto certificate = openssl::Certificate::from_der({data, size});
    if (!certificate)
    {
        const Reason reason = openssl::reason_of(certificate.error());
        fuzz::require(reason == Reason::parse || reason == Reason::extension_twice);
        return 0;
    }
    fuzz::require(certificate->der().size() == size);
    const auto & facts = certificate->facts();
    const auto & san = facts.san;
    fuzz::require(
        san.dns.size() + san.uris.size() + san.emails.size() + san.ips.size() + san.others + san.unusable.size()
        == count_general_names(*certificate));
    require_read_alike(san.dns, "DNS:", texts_by_openssl(*certificate, GEN_DNS));
    require_read_alike(san.uris, "URI:", texts_by_openssl(*certificate, GEN_URI));
    require_read_alike(san.emails, "email:", texts_by_openssl(*certificate, GEN_EMAIL));
    std::vector<std::string> addresses;
    for (const auto & address : san.ips)
        addresses.push_back(address_by_openssl(address));
    require_read_alike(addresses, "", texts_by_openssl(*certificate, GEN_IPADD));
    for (const auto & name : san.dns)
        fuzz::require(!name.empty() && name.find('\0') == std::string::npos);
    fuzz::require(!facts.common_name || facts.common_name->find('\0') == std::string::npos);
    fuzz::require(facts.key_usage.present || facts.key_usage.bits == 0);
    const auto again = openssl::Certificate::from_der(certificate->der());
    fuzz::require(again.has_value() && *again == *certificate && again->facts().spki_sha256 == facts.spki_sha256);
    (void)spiffe::claims_spiffe(facts);
    return 0;
}
