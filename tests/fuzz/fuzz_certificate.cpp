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
    for (const auto & name : san.dns)
        fuzz::require(!name.empty() && name.find('\0') == std::string::npos);
    fuzz::require(!facts.common_name || facts.common_name->find('\0') == std::string::npos);
    fuzz::require(facts.key_usage.present || facts.key_usage.bits == 0);
    const auto again = openssl::Certificate::from_der(certificate->der());
    fuzz::require(again.has_value() && *again == *certificate && again->facts().spki_sha256 == facts.spki_sha256);
    (void)spiffe::claims_spiffe(facts);
    return 0;
}
