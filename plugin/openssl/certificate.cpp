#include "openssl/certificate.h"

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>
#include <memory>
#include <mutex>
#include <new>

#include "openssl/error_queue.h"
#include "openssl/facts.h"

namespace chmtls::openssl
{

struct Certificate::Shared
{
    Bytes der;
    X509Ptr x509;
    UnixTime not_before;
    UnixTime not_after;
    // Most certificates of a chain are never asked for their facts, and reading them costs more than parsing.
    mutable std::once_flag facts_read;
    mutable CertificateFacts facts;
};

namespace
{

tl::unexpected<Error> refused(Reason reason, std::string text)
{
    return fail(
        {.file = {},
         .field = {},
         .reason = std::move(text),
         .remedy = "have the certificate issued again",
         .code = std::string(code(reason))});
}

/// The object identifiers of all extensions, sorted: a peer may send thousands, so not by comparing each with each.
bool has_repeated_extension(const X509 * certificate)
{
    const int count = X509_get_ext_count(certificate);
    if (count < 2)
        return false;
    std::vector<std::string_view> oids;
    oids.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i)
    {
        const ASN1_OBJECT * const oid = X509_EXTENSION_get_object(X509_get_ext(certificate, i));
        oids.emplace_back(reinterpret_cast<const char *>(OBJ_get0_data(oid)), OBJ_length(oid));
    }
    std::sort(oids.begin(), oids.end());
    return std::adjacent_find(oids.begin(), oids.end()) != oids.end();
}

/// OpenSSL reads the value of an extension and leaves what stands behind it unread; other readers would see more.
bool has_trailing_bytes(const X509 * certificate, int nid)
{
    const int index = X509_get_ext_by_NID(certificate, nid, -1);
    if (index < 0)
        return false;
    const ASN1_OCTET_STRING * const value = X509_EXTENSION_get_data(X509_get_ext(certificate, index));
    const unsigned char * at = ASN1_STRING_get0_data(value);
    const unsigned char * const end = at + ASN1_STRING_length(value);
    long length = 0;
    int tag = 0;
    int kind = 0;
    // Indefinite lengths are BER, not DER.
    const int form = ASN1_get_object(&at, &length, &tag, &kind, end - at);
    return (form & 0x80) != 0 || (form & 0x01) != 0 || at + length != end;
}

bool extensions_end_where_they_should(const X509 * certificate)
{
    static constexpr std::array read{NID_basic_constraints,        NID_key_usage,          NID_ext_key_usage,
                                     NID_subject_alt_name,         NID_name_constraints,   NID_subject_key_identifier,
                                     NID_authority_key_identifier, NID_policy_constraints, NID_inhibit_any_policy};
    return std::none_of(read.begin(), read.end(), [&](int nid) { return has_trailing_bytes(certificate, nid); });
}

std::optional<UnixTime> time_of(const ASN1_TIME * time)
{
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1)
        return std::nullopt;
    return UnixTime(std::chrono::seconds(timegm(&parts)));
}

bool has_whole_key(const X509 * certificate)
{
    const EVP_PKEY * const key = X509_get0_pubkey(certificate);
    return key != nullptr && EVP_PKEY_get_security_bits(key) > 0;
}

/// Moves `at` to the end of the certificate.
X509Ptr parsed(const unsigned char *& at, size_t size)
{
    const unsigned char * const begin = at;
    X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(size)));
    if (x509 == nullptr || has_whole_key(x509.get()))
        return x509;
    // A key of a kind that OpenSSL does not know, or one that it had no memory for just now: it says nothing of either and never
    // tries again, and an authority without its key or its strength would stand in the generation for nothing.
    at = begin;
    return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(size)));
}

/// d2i_X509 takes some BER as well. Then there would be several encodings, and so several fingerprints, of one certificate.
bool encodes_to(X509 * certificate, ByteView der)
{
    const int length = i2d_X509(certificate, nullptr);
    if (length < 0 || static_cast<size_t>(length) != der.size())
        return false;
    Bytes again(der.size());
    unsigned char * at = again.data();
    return i2d_X509(certificate, &at) == length && std::equal(again.begin(), again.end(), der.begin());
}

}

Certificate::Certificate(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

Result<Certificate> Certificate::from_der(ByteView der)
{
    const ErrorScope errors;
    if (der.empty() || der.size() > INT_MAX)
        return refused(Reason::parse, der.empty() ? "is empty" : "is too long for a certificate");
    const unsigned char * at = der.data();
    X509Ptr x509 = parsed(at, der.size());
    if (!x509)
        return refused(Reason::parse, "is no certificate (" + drain_errors() + ")");
    if (at != der.data() + der.size())
        return refused(Reason::parse, "has bytes behind the certificate");
    if (has_repeated_extension(x509.get()))
        return refused(Reason::extension_twice, "has an extension twice");
    const uint32_t flags = X509_get_extension_flags(x509.get());
    // Kept with the certificate: an authority without a fingerprint would never be found again.
    if ((flags & EXFLAG_NO_FINGERPRINT) != 0)
        throw std::bad_alloc();
    if ((flags & EXFLAG_INVALID) != 0)
        return refused(Reason::parse, "has an extension that cannot be read");
    if (!extensions_end_where_they_should(x509.get()))
        return refused(Reason::parse, "has an extension with bytes behind its value");
    if (!encodes_to(x509.get(), der))
        return refused(Reason::parse, "is not encoded as DER");
    const auto not_before = time_of(X509_get0_notBefore(x509.get()));
    const auto not_after = time_of(X509_get0_notAfter(x509.get()));
    if (!not_before || !not_after)
        return refused(Reason::parse, "has dates that cannot be read");

    auto shared = std::make_shared<Shared>();
    shared->der.assign(der.begin(), der.end());
    shared->x509 = std::move(x509);
    shared->not_before = *not_before;
    shared->not_after = *not_after;
    return Certificate(std::move(shared));
}

ByteView Certificate::der() const
{
    return shared_->der;
}

X509 * Certificate::x509() const
{
    return shared_->x509.get();
}

const CertificateFacts & Certificate::facts() const
{
    std::call_once(
        shared_->facts_read,
        [&shared = *shared_]
        {
            const ErrorScope errors;
            CertificateFacts facts = read_facts(shared.x509.get(), shared.der);
            facts.not_before = shared.not_before;
            facts.not_after = shared.not_after;
            shared.facts = std::move(facts);
        });
    return shared_->facts;
}

bool Certificate::operator==(const Certificate & other) const
{
    return shared_ == other.shared_ || shared_->der == other.shared_->der;
}

Reason reason_of(const Error & error)
{
    return error.code == code(Reason::extension_twice) ? Reason::extension_twice : Reason::parse;
}

}
