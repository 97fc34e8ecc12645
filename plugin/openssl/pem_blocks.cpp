#include "openssl/pem_blocks.h"

#include <algorithm>
#include <climits>
#include <new>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "openssl/error_queue.h"
#include "openssl/pem_reader.h"

namespace chmtls::openssl
{

namespace
{

tl::unexpected<Error> refused(const std::string & source, std::string field, std::string reason, std::string remedy)
{
    return fail(
        {.file = source,
         .field = std::move(field),
         .reason = std::move(reason),
         .remedy = std::move(remedy),
         .code = std::string(code(Reason::parse))});
}

/// One block as OpenSSL reads it. A file may hold keys beside its certificates, so everything is wiped when freed.
struct Block
{
    char * name = nullptr;
    char * header = nullptr;
    unsigned char * data = nullptr;
    long length = 0;

    Block() = default;
    Block(const Block &) = delete;
    Block & operator=(const Block &) = delete;
    ~Block()
    {
        OPENSSL_secure_free(name);
        OPENSSL_secure_free(header);
        OPENSSL_secure_clear_free(data, static_cast<size_t>(length));
    }

    [[nodiscard]] ByteView bytes() const { return {data, static_cast<size_t>(length)}; }
    [[nodiscard]] bool has_header() const { return header != nullptr && *header != '\0'; }
};

bool is_certificate_label(std::string_view label)
{
    return label == PEM_STRING_X509 || label == PEM_STRING_X509_OLD || label == PEM_STRING_X509_TRUSTED;
}

void copy_settings(X509 * from, X509 * to)
{
    const auto copy = [to](const STACK_OF(ASN1_OBJECT) * uses, int (*add)(X509 *, const ASN1_OBJECT *))
    {
        for (int i = 0; i < sk_ASN1_OBJECT_num(uses); ++i)
            if (add(to, sk_ASN1_OBJECT_value(uses, i)) != 1)
                throw std::bad_alloc();
    };
    copy(X509_get0_trust_objects(from), X509_add1_trust_object);
    copy(X509_get0_reject_objects(from), X509_add1_reject_object);
}

/// A TRUSTED CERTIFICATE: behind the certificate stand OpenSSL's own settings, for which uses it is trusted and for which
/// rejected. x509() carries them, der() does not.
Result<Certificate> trusted_certificate(ByteView der_and_settings)
{
    const auto size = static_cast<long>(der_and_settings.size());
    const unsigned char * const begin = der_and_settings.data();
    const unsigned char * at = begin;
    const X509Ptr whole(d2i_X509_AUX(nullptr, &at, size));
    const bool complete = whole != nullptr && at == begin + size;
    at = begin;
    const X509Ptr alone(complete ? d2i_X509(nullptr, &at, size) : nullptr);
    if (!alone)
        return refused({}, {}, "is no trusted certificate", "convert it with `openssl x509`");
    auto certificate = Certificate::from_der(der_and_settings.first(static_cast<size_t>(at - begin)));
    if (certificate)
        copy_settings(whole.get(), certificate->x509());
    return certificate;
}

Result<Certificate> named(Result<Certificate> certificate, const std::string & source, std::string field)
{
    if (certificate)
        return certificate;
    certificate.error().file = source;
    certificate.error().field = std::move(field);
    return certificate;
}

Result<Certificate> certificate_of(const Block & block, const std::string & source, std::string field)
{
    if (block.has_header())
        return refused(source, std::move(field), "is encrypted", "store the certificate as plain PEM");
    const bool trusted = std::string_view(block.name) == PEM_STRING_X509_TRUSTED;
    return named(trusted ? trusted_certificate(block.bytes()) : Certificate::from_der(block.bytes()), source, std::move(field));
}

/// The content of one block; false: it is damaged, and OpenSSL's error queue says how.
bool decode(const PemBlock & found, Block & block)
{
    Bytes copy;
    ByteView text = found.text;
    if (found.indented)
    {
        copy.resize(found.text.size() + 1);
        copy.resize(unindent(found, copy));
        text = copy;
    }
    const BioPtr input(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    const unsigned flags = PEM_FLAG_EAY_COMPATIBLE | PEM_FLAG_SECURE;
    return input != nullptr && PEM_read_bio_ex(input.get(), &block.name, &block.header, &block.data, &block.length, flags) == 1;
}

}

Result<std::vector<Certificate>> certificates_from_pem(ByteView pem, const std::string & source, OtherBlocks others)
{
    std::vector<Certificate> certificates;
    if (pem.empty())
        return certificates;
    if (pem.size() > INT_MAX)
        return refused(source, {}, "is too long", "check that this is the right file");
    const auto found = find_pem_blocks(pem, source);
    if (!found)
        return fail(found.error());
    if (found->empty())
    {
        if (const auto other = recognise(pem))
            return refused(source, {}, "is " + other->name + ", not PEM", other->remedy);
        return refused(source, {}, "holds no PEM block", "give certificates in PEM form (-----BEGIN CERTIFICATE-----)");
    }

    const ErrorScope errors;
    for (size_t i = 0; i < found->size(); ++i)
    {
        const PemBlock & each = (*found)[i];
        if (!is_certificate_label(each.label))
        {
            if (others == OtherBlocks::refuse)
                return refused(
                    source, fmt::format("block {}", i + 1), fmt::format("is a {}, not a certificate", printable(each.label)),
                    "leave only certificates in this file");
            continue;
        }
        Block block;
        if (!decode(each, block))
            return refused(
                source, fmt::format("block {}", i + 1), fmt::format("is damaged ({}; line {})", drain_errors(), each.line),
                "write the file whole, and rename it into its place");
        auto certificate = certificate_of(block, source, fmt::format("certificate {}", certificates.size() + 1));
        if (!certificate)
            return fail(std::move(certificate.error()));
        certificates.push_back(std::move(*certificate));
    }
    if (certificates.empty())
        return refused(
            source, {}, fmt::format("holds no certificate, but a {}", printable(found->front().label)),
            remedy_for_label(found->front().label));
    return certificates;
}

Result<std::vector<Certificate>> certificates_from_pem_or_der(ByteView bytes, const std::string & source)
{
    auto certificate = Certificate::from_der(bytes);
    if (certificate)
        return std::vector<Certificate>{std::move(*certificate)};
    // A DER certificate that is refused is no PEM file.
    const auto other = recognise(bytes);
    if (other && other->name == "a DER certificate")
        return fail(named(std::move(certificate), source, {}).error());
    return certificates_from_pem(bytes, source);
}

Result<std::vector<Certificate>> certificates_from_concatenated_der(ByteView bytes, const std::string & source)
{
    const ErrorScope errors;
    std::vector<Certificate> certificates;
    while (!bytes.empty())
    {
        // Only the outer header is read here: how long is the next one?
        const unsigned char * at = bytes.data();
        long length = 0;
        int tag = 0;
        int kind = 0;
        const auto available = static_cast<long>(std::min<size_t>(bytes.size(), INT_MAX));
        const int form = ASN1_get_object(&at, &length, &tag, &kind, available);
        const std::string field = fmt::format("certificate {}", certificates.size() + 1);
        if ((form & 0x81) != 0 || tag != V_ASN1_SEQUENCE)
            return refused(source, field, "is no DER certificate", "give DER certificates one after the other");
        const auto whole = static_cast<size_t>(at - bytes.data()) + static_cast<size_t>(length);
        auto certificate = named(Certificate::from_der(bytes.first(whole)), source, field);
        if (!certificate)
            return fail(std::move(certificate.error()));
        certificates.push_back(std::move(*certificate));
        bytes = bytes.subspan(whole);
    }
    return certificates;
}

std::string to_pem(const Certificate & certificate)
{
    const ErrorScope errors;
    const BioPtr output(BIO_new(BIO_s_mem()));
    const ByteView der = certificate.der();
    if (!output || PEM_write_bio(output.get(), PEM_STRING_X509, "", der.data(), static_cast<long>(der.size())) <= 0)
        throw std::bad_alloc();
    char * text = nullptr;
    const long length = BIO_get_mem_data(output.get(), &text);
    return {text, static_cast<size_t>(length)};
}

}
