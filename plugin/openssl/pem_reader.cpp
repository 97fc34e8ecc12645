#include "openssl/pem_reader.h"

#include <algorithm>
#include <climits>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

#include "base/reason.h"
#include "base/utf8.h"
#include "openssl/error_queue.h"
#include "openssl/pointers.h"

namespace chmtls::openssl
{

namespace
{

constexpr std::string_view dashes = "-----";
constexpr std::string_view begin_mark = "-----BEGIN ";
constexpr std::string_view end_mark = "-----END ";
constexpr size_t base64_line = 60; ///< shorter ones may be words; those of a block have 64

std::string_view trimmed(std::string_view line)
{
    constexpr std::string_view blanks = " \t\r\v\f";
    const size_t first = line.find_first_not_of(blanks);
    return first == std::string_view::npos ? std::string_view() : line.substr(first, line.find_last_not_of(blanks) - first + 1);
}

bool is_utf16(std::string_view text)
{
    return text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")
           || (text.size() > 3 && (text[0] == '-' || text[0] == '\0') && (text[0] == '\0') != (text[1] == '\0'));
}

/// "CERTIFICATE" of "-----BEGIN CERTIFICATE-----"; nothing: it is no such line.
std::optional<std::string_view> label_of(std::string_view line, std::string_view mark)
{
    if (!line.starts_with(mark) || !line.ends_with(dashes) || line.size() <= mark.size() + dashes.size())
        return std::nullopt;
    const std::string_view label = line.substr(mark.size(), line.size() - mark.size() - dashes.size());
    if (label.find(dashes) != std::string_view::npos)
        return std::nullopt;
    return label;
}

/// A line that was meant to begin or end a block.
bool is_damaged_mark(std::string_view line, bool last_without_end)
{
    if (line.empty() || line.front() != '-')
        return false;
    if (last_without_end && (line.starts_with(dashes) || begin_mark.starts_with(line)))
        return true;
    return line.find("BEGIN") != std::string_view::npos || line.find("END ") != std::string_view::npos;
}

bool is_base64(std::string_view line)
{
    const auto of_base64 = [](char c)
    {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
    };
    return line.size() >= base64_line && std::all_of(line.begin(), line.end(), of_base64);
}

class Finder
{
public:
    Finder(std::string_view text, const std::string & source) : text_(text), source_(source) {}

    Result<std::vector<PemBlock>> run()
    {
        if (is_utf16(text_))
            return refused("is UTF-16 text", "save it as ASCII or UTF-8 (in PowerShell: Out-File -Encoding ascii)");
        text_ = without_byte_order_mark(text_);
        for (size_t at = 0; at < text_.size();)
        {
            const size_t end = std::min(text_.find('\n', at), text_.size());
            ++line_;
            if (const auto wrong = take(at, end))
                return refused(*wrong, remedy_);
            at = end + 1;
        }
        if (open_)
            return refused(
                fmt::format("is not whole: the {} that begins in line {} has no end", printable(open_->label), open_->line),
                "write the file whole, and rename it into its place");
        return std::move(blocks_);
    }

private:
    /// What is wrong with the line from `at` to `end`, if anything.
    std::optional<std::string> take(size_t at, size_t end)
    {
        const std::string_view whole = text_.substr(at, end - at);
        const std::string_view line = trimmed(whole);
        if (line.find("----------BEGIN ") != std::string_view::npos)
        {
            remedy_ = "put a line break between the end of one block and the beginning of the next";
            return "has two blocks on one line";
        }
        if (open_)
            return inside(line, whole, end);
        if (const auto label = label_of(line, begin_mark))
        {
            begin_ = at;
            open_ = PemBlock{std::string(*label), {}, line_, line.data() != whole.data()};
            return std::nullopt;
        }
        if (is_damaged_mark(line, end == text_.size()))
            return "has a damaged line where a block begins or ends";
        if (is_base64(line))
            return "has the content of a block without a line that begins it";
        return std::nullopt;
    }

    std::optional<std::string> inside(std::string_view line, std::string_view whole, size_t end)
    {
        open_->indented = open_->indented || line.data() != whole.data();
        if (line.empty() || line.front() != '-')
            return std::nullopt;
        if (label_of(line, end_mark) != open_->label)
            return fmt::format("has a line where the {} that begins in line {} should end", printable(open_->label), open_->line);
        open_->text = as_bytes(text_.substr(begin_, end - begin_));
        blocks_.push_back(std::move(*open_));
        open_.reset();
        return std::nullopt;
    }

    [[nodiscard]] tl::unexpected<Error> refused(const std::string & reason, const std::string & remedy) const
    {
        const bool in_line = reason.starts_with("has ");
        return fail(
            {.file = source_,
             .field = fmt::format("block {}", blocks_.size() + 1),
             .reason = in_line ? fmt::format("{} (line {})", reason, line_) : reason,
             .remedy = remedy,
             .code = std::string(code(Reason::parse))});
    }

    std::string_view text_;
    const std::string & source_;
    size_t line_ = 0;
    size_t begin_ = 0;
    std::optional<PemBlock> open_;
    std::vector<PemBlock> blocks_;
    std::string remedy_ = "write the file whole, and rename it into its place";
};

}

Result<std::vector<PemBlock>> find_pem_blocks(ByteView bytes, const std::string & source)
{
    return Finder(as_text(bytes), source).run();
}

size_t unindent(const PemBlock & block, std::span<uint8_t> out)
{
    size_t written = 0;
    std::string_view text = as_text(block.text);
    while (!text.empty())
    {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        std::copy(line.begin(), line.end(), out.begin() + static_cast<std::ptrdiff_t>(written));
        written += line.size();
        out[written++] = '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return written;
}

std::optional<OtherFormat> recognise(ByteView bytes)
{
    if (bytes.empty() || bytes.size() > INT_MAX || bytes[0] != 0x30)
        return std::nullopt;
    const ErrorScope errors;
    const auto size = static_cast<long>(bytes.size());
    const auto reads = [&](auto decode, auto free)
    {
        const unsigned char * at = bytes.data();
        auto * const object = decode(nullptr, &at, size);
        free(object);
        return object != nullptr;
    };
    if (reads(d2i_PKCS12, PKCS12_free))
        return OtherFormat{
            "a PKCS#12 archive", "take certificates and key out of it: openssl pkcs12 -in FILE -nodes -out FILE.pem"};
    if (reads(d2i_PKCS7, PKCS7_free))
        return OtherFormat{
            "PKCS#7", "take the certificates out of it: openssl pkcs7 -inform DER -in FILE -print_certs -out FILE.pem"};
    if (reads(d2i_X509, X509_free))
        return OtherFormat{"a DER certificate", "make PEM of it: openssl x509 -inform DER -in FILE -out FILE.pem"};
    if (reads(d2i_X509_CRL, X509_CRL_free))
        return OtherFormat{"a revocation list", "name it in mtls.crl"};
    return std::nullopt;
}

std::string remedy_for_label(const std::string & label)
{
    if (label == PEM_STRING_PKCS7 || label == PEM_STRING_PKCS7_SIGNED || label == PEM_STRING_CMS)
        return "take the certificates out of it: openssl pkcs7 -in FILE -print_certs -out FILE.pem";
    if (label == PEM_STRING_X509_REQ || label == PEM_STRING_X509_REQ_OLD)
        return "that is a request: send it to the authority, and write the certificate that it issues into the file";
    if (label.ends_with("PRIVATE KEY"))
        return "that is a key: name the file with the certificate";
    return "write the certificates into it (-----BEGIN CERTIFICATE-----)";
}

}
