#include "openssl/name.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string_view>

#include <openssl/objects.h>

#include "base/bytes.h"
#include "base/distinguished_name.h"
#include "base/utf8.h"
#include "openssl/error_queue.h"
#include "openssl/pointers.h"

namespace chmtls::openssl
{

namespace
{

void free_openssl(unsigned char * data)
{
    OPENSSL_free(data);
}

using Allocated = std::unique_ptr<unsigned char, Freed<free_openssl>>;

/// OpenSSL has one answer for what cannot be converted and for want of memory; what is made of it here is kept, and decided by.
bool converted(bool done)
{
    if (!done && drain_out_of_memory())
        throw std::bad_alloc();
    return done;
}

std::string_view raw_bytes(const ASN1_STRING * value)
{
    return {
        reinterpret_cast<const char *>(ASN1_STRING_get0_data(value)),
        static_cast<size_t>(std::max(ASN1_STRING_length(value), 0))};
}

std::string hex_of_der(const ASN1_STRING * value)
{
    ASN1_TYPE any{};
    any.type = ASN1_STRING_type(value);
    any.value.asn1_string = const_cast<ASN1_STRING *>(value); // read only; the structure has no const form
    unsigned char * data = nullptr;
    const int length = i2d_ASN1_TYPE(&any, &data);
    const Allocated owned(data);
    if (length <= 0) // it has been decoded, so it can be encoded
        throw std::bad_alloc();
    return "#" + to_hex({data, static_cast<size_t>(length)});
}

void append_attribute(std::string & out, const X509_NAME_ENTRY * entry)
{
    const ASN1_OBJECT * const type = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING * const value = X509_NAME_ENTRY_get_data(entry);
    const int nid = OBJ_obj2nid(type);
    out += nid == NID_undef ? dotted_decimal(type) : std::string(OBJ_nid2sn(nid));
    out += '=';
    const auto text = nid == NID_undef ? std::nullopt : string_value(value);
    if (text)
        out += escape_attribute_value(*text);
    else
        out += hex_of_der(value);
}

}

std::string dotted_decimal(const ASN1_OBJECT * object)
{
    clear_errors();
    const int length = OBJ_obj2txt(nullptr, 0, object, 1);
    if (!converted(length > 0))
        return "?";
    std::string out(static_cast<size_t>(length) + 1, '\0');
    if (!converted(OBJ_obj2txt(out.data(), static_cast<int>(out.size()), object, 1) == length))
        return "?";
    out.resize(static_cast<size_t>(length));
    return out;
}

std::optional<std::string> string_value(const ASN1_STRING * value)
{
    switch (ASN1_STRING_type(value))
    {
    case V_ASN1_UTF8STRING:
    {
        const std::string_view raw = raw_bytes(value);
        return is_utf8(raw) ? std::optional(std::string(raw)) : std::nullopt;
    }
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_VISIBLESTRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
    {
        clear_errors();
        unsigned char * data = nullptr;
        const int length = ASN1_STRING_to_UTF8(&data, value);
        const Allocated owned(data);
        if (!converted(length >= 0))
            return std::nullopt;
        std::string text(reinterpret_cast<const char *>(data), static_cast<size_t>(length));
        return is_utf8(text) ? std::optional(std::move(text)) : std::nullopt;
    }
    default:
        return std::nullopt;
    }
}

std::string print_name(const X509_NAME * name)
{
    std::string out;
    int previous_set = -1;
    for (int i = X509_NAME_entry_count(name) - 1; i >= 0; --i)
    {
        const X509_NAME_ENTRY * const entry = X509_NAME_get_entry(name, i);
        const int set = X509_NAME_ENTRY_set(entry);
        if (!out.empty())
            out += set == previous_set ? '+' : ',';
        append_attribute(out, entry);
        previous_set = set;
    }
    return out;
}

}
