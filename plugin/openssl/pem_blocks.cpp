#include "openssl/pem_blocks.h"

#include <algorithm>
#include <climits>
#include <optional>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "openssl/error_queue.h"

namespace chmtls::openssl
{

namespace
{

constexpr std::string_view begin_mark = "-----BEGIN ";

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

/// How many blocks a reader should find: OpenSSL passes over a damaged BEGIN line in silence, and a certificate with it.
size_t count_begin_lines(std::string_view text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.size();)
    {
        const std::string_view line = text.substr(at, text.find('\n', at) - at);
        if (line.starts_with("-----BEGIN"))
            ++count;
        at += line.size() + 1;
    }
    return count;
}

/// A file that was cut off inside a BEGIN line.
bool ends_in_begin_line(std::string_view text)
{
    const size_t newline = text.rfind('\n');
    const std::string_view last = newline == std::string_view::npos ? text : text.substr(newline + 1);
    return !last.empty() && last.size() < begin_mark.size() && begin_mark.starts_with(last);
}

/// The certificate part of a "TRUSTED CERTIFICATE"; OpenSSL's own trust settings stand behind it and are not used here.
std::optional<ByteView> certificate_part(ByteView trusted)
{
    const unsigned char * at = trusted.data();
    const X509Ptr whole(d2i_X509_AUX(nullptr, &at, static_cast<long>(trusted.size())));
    if (!whole || at != trusted.data() + trusted.size())
        return std::nullopt;
    at = trusted.data();
    const X509Ptr alone(d2i_X509(nullptr, &at, static_cast<long>(trusted.size())));
    if (!alone)
        return std::nullopt;
    return trusted.first(static_cast<size_t>(at - trusted.data()));
}

Result<Certificate> certificate_of(ByteView der, const std::string & source, std::string field)
{
    auto certificate = Certificate::from_der(der);
    if (certificate)
        return certificate;
    Error error = std::move(certificate.error());
    error.file = source;
    error.field = std::move(field);
    return fail(std::move(error));
}

Result<Certificate> certificate_of(const Block & block, const std::string & source, std::string field)
{
    if (block.has_header())
        return refused(source, std::move(field), "is encrypted", "store the certificate as plain PEM");
    if (std::string_view(block.name) != PEM_STRING_X509_TRUSTED)
        return certificate_of(block.bytes(), source, std::move(field));
    const auto part = certificate_part(block.bytes());
    if (!part)
        return refused(source, std::move(field), "is no trusted certificate", "convert it with `openssl x509`");
    return certificate_of(*part, source, std::move(field));
}

}

Result<std::vector<Certificate>> certificates_from_pem(ByteView pem, const std::string & source, OtherBlocks others)
{
    std::vector<Certificate> certificates;
    if (pem.empty())
        return certificates;
    if (pem.size() > INT_MAX)
        return refused(source, {}, "is too long", "check that this is the right file");

    const ErrorScope errors;
    const BioPtr input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!input)
        return refused(source, {}, "cannot be read: " + drain_errors(), "check the memory of the system");
    size_t blocks = 0;
    while (true)
    {
        Block block;
        const unsigned flags = PEM_FLAG_EAY_COMPATIBLE | PEM_FLAG_SECURE;
        if (PEM_read_bio_ex(input.get(), &block.name, &block.header, &block.data, &block.length, flags) != 1)
        {
            if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
                break;
            return refused(
                source, fmt::format("block {}", blocks + 1), "is damaged (" + drain_errors() + ")",
                "write the file whole, and rename it into its place");
        }
        ++blocks;
        if (!is_certificate_label(block.name))
        {
            if (others == OtherBlocks::refuse)
                return refused(
                    source, fmt::format("block {}", blocks), fmt::format("is a {}, not a certificate", printable(block.name)),
                    "leave only certificates in this file");
            continue;
        }
        auto certificate = certificate_of(block, source, fmt::format("certificate {}", certificates.size() + 1));
        if (!certificate)
            return fail(std::move(certificate.error()));
        certificates.push_back(std::move(*certificate));
    }
    if (blocks != count_begin_lines(as_text(pem)) || ends_in_begin_line(as_text(pem)))
    {
        if (as_text(pem).starts_with("\xEF\xBB\xBF"))
            return refused(source, {}, "begins with a byte order mark (BOM)", "save the file as ASCII, without the mark");
        return refused(
            source, fmt::format("block {}", blocks + 1), "begins with a damaged line",
            "write the file whole, and rename it into its place");
    }
    if (blocks == 0)
        return refused(source, {}, "holds no PEM block", "give certificates in PEM form (-----BEGIN CERTIFICATE-----)");
    return certificates;
}

Result<std::vector<Certificate>> certificates_from_pem_or_der(ByteView bytes, const std::string & source)
{
    if (bytes.empty() || as_text(bytes).find("-----BEGIN") != std::string_view::npos)
        return certificates_from_pem(bytes, source);
    auto certificate = certificate_of(bytes, source, {});
    if (!certificate)
        return fail(std::move(certificate.error()));
    return std::vector<Certificate>{std::move(*certificate)};
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
        auto certificate = certificate_of(bytes.first(whole), source, field);
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
