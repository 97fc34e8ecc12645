#include "trust/crl.h"

#include <algorithm>
#include <new>

#include <openssl/pem.h>

#include "openssl/error_queue.h"
#include "openssl/name.h"
#include "openssl/pem_reader.h"
#include "trust/asn1_time.h"

namespace chmtls::trust
{

namespace
{

using IssuingPointPtr = std::unique_ptr<ISSUING_DIST_POINT, openssl::Freed<ISSUING_DIST_POINT_free>>;

}

struct Crl::Shared
{
    std::string source;
    std::string issuer;
    openssl::X509CrlPtr crl;
    UnixTime this_update;
    std::optional<UnixTime> next_update;
    CrlScope scope = CrlScope::all;
    IssuingPointPtr issuing_point; ///< null without one
    Bytes issuing_point_der;       ///< of the extension's content
    bool indirect = false;
    Reasons reasons = all_reasons;
    openssl::BignumPtr number;
    openssl::BignumPtr delta_base; ///< null: a complete list
    openssl::Asn1OctetStringPtr key_id;
};

namespace
{

using AuthorityKeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, openssl::Freed<AUTHORITY_KEYID_free>>;

Error crl_error(const std::string & source, std::string code, std::string reason, std::string remedy)
{
    return Error{
        .file = source, .field = "CRL", .reason = std::move(reason), .remedy = std::move(remedy), .code = std::move(code)};
}

/// 1 one, 0 none, -1 unreadable or twice.
template <typename T>
int read_extension(const X509_CRL * crl, int nid, T *& out)
{
    int state = 0;
    out = static_cast<T *>(X509_CRL_get_ext_d2i(crl, nid, &state, nullptr));
    if (out != nullptr)
        return 1;
    return state == -1 ? 0 : -1;
}

bool has_unknown_critical(const STACK_OF(X509_EXTENSION) * extensions, std::initializer_list<int> known)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i)
    {
        X509_EXTENSION * extension = sk_X509_EXTENSION_value(extensions, i);
        if (X509_EXTENSION_get_critical(extension) == 0)
            continue;
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (std::ranges::find(known, nid) == known.end())
            return true;
    }
    return false;
}

/// Null: damaged, and OpenSSL's error queue says how.
openssl::X509CrlPtr read_block(const openssl::PemBlock & block)
{
    Bytes copy;
    ByteView text = block.text;
    if (block.indented)
    {
        copy.resize(block.text.size() + 1);
        copy.resize(openssl::unindent(block, copy));
        text = copy;
    }
    const openssl::BioPtr input(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    return openssl::X509CrlPtr(input ? PEM_read_bio_X509_CRL(input.get(), nullptr, nullptr, nullptr) : nullptr);
}

/// OpenSSL stops at what it cannot read and takes the entries behind it for the list's own issuer's.
template <typename T>
bool is_readable(X509_REVOKED * entry, int nid, void (*release)(T *))
{
    if (X509_REVOKED_get_ext_by_NID(entry, nid, -1) < 0)
        return true;
    T * const value = static_cast<T *>(X509_REVOKED_get_ext_d2i(entry, nid, nullptr, nullptr));
    release(value);
    return value != nullptr;
}

std::optional<Error> entry_defect(X509_CRL * crl, const std::string & source, bool indirect)
{
    STACK_OF(X509_REVOKED) * entries = X509_CRL_get_REVOKED(crl);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i)
    {
        X509_REVOKED * entry = sk_X509_REVOKED_value(entries, i);
        if (!indirect && X509_REVOKED_get_ext_by_NID(entry, NID_certificate_issuer, -1) >= 0)
            return crl_error(
                source, "CRL-INDIRECT", "an entry names another issuer, and the list does not say that it is indirect",
                "fetch the CRL again");
        if (has_unknown_critical(X509_REVOKED_get0_extensions(entry), {NID_certificate_issuer}))
            return crl_error(
                source, "CRL-EXTENSION", "an entry has an unknown critical extension", "give a CRL of the plain profile");
        if (!is_readable(entry, NID_crl_reason, ASN1_ENUMERATED_free)
            || !is_readable(entry, NID_certificate_issuer, GENERAL_NAMES_free))
            return crl_error(source, "CRL", "the reason or the issuer of an entry cannot be read", "fetch the CRL again");
    }
    return std::nullopt;
}

struct Scope
{
    CrlScope scope = CrlScope::all;
    bool indirect = false;
    Reasons reasons = all_reasons;
    IssuingPointPtr point;
    Bytes der;
};

Result<Scope> read_scope(const X509_CRL * crl, const std::string & source)
{
    ISSUING_DIST_POINT * raw = nullptr;
    const int state = read_extension(crl, NID_issuing_distribution_point, raw);
    IssuingPointPtr point(raw);
    if (state < 0)
        return fail(crl_error(source, "CRL", "its issuing distribution point cannot be read", "fetch the CRL again"));
    if (state == 0)
        return Scope{};
    if (point->onlyattr > 0)
        return fail(crl_error(source, "CRL-SCOPE", "the CRL is for attribute certificates", "leave it out"));
    if (point->onlyuser > 0 && point->onlyCA > 0)
        return fail(crl_error(source, "CRL-SCOPE", "the CRL's scope contradicts itself", "fetch the CRL again"));
    if (point->distpoint != nullptr && DIST_POINT_set_dpname(point->distpoint, X509_CRL_get_issuer(crl)) != 1)
        return fail(crl_error(source, "CRL", "the name of its distribution point cannot be read", "fetch the CRL again"));
    Scope out;
    out.scope = point->onlyuser > 0 ? CrlScope::end_entities : point->onlyCA > 0 ? CrlScope::authorities : CrlScope::all;
    out.indirect = point->indirectCRL > 0;
    out.reasons = reasons_of(point->onlysomereasons);
    const int at = X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1);
    const ASN1_OCTET_STRING * data = X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at));
    out.der.assign(ASN1_STRING_get0_data(data), ASN1_STRING_get0_data(data) + ASN1_STRING_length(data));
    out.point = std::move(point);
    return out;
}

}

Reasons reasons_of(const ASN1_BIT_STRING * flags)
{
    if (flags == nullptr)
        return all_reasons;
    unsigned reasons = 0;
    for (int bit = 1; bit <= 8; ++bit)
        if (ASN1_BIT_STRING_get_bit(flags, bit) == 1)
            reasons |= 1u << static_cast<unsigned>(bit);
    return static_cast<Reasons>(reasons);
}

Crl::Crl(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

Result<Crl> Crl::from(X509_CRL * owned, const std::string & source)
{
    auto shared = std::make_shared<Shared>();
    shared->crl.reset(owned);
    shared->source = source;
    shared->issuer = openssl::print_name(X509_CRL_get_issuer(owned));

    if (has_unknown_critical(
            X509_CRL_get0_extensions(owned), {NID_issuing_distribution_point, NID_authority_key_identifier, NID_delta_crl}))
        return fail(
            crl_error(source, "CRL-EXTENSION", "the CRL has an unknown critical extension", "give a CRL of the plain profile"));
    auto scope = read_scope(owned, source);
    if (!scope)
        return fail(std::move(scope.error()));
    shared->scope = scope->scope;
    shared->issuing_point = std::move(scope->point);
    shared->issuing_point_der = std::move(scope->der);
    shared->indirect = scope->indirect;
    shared->reasons = scope->reasons;
    if (auto defect = entry_defect(owned, source, scope->indirect))
        return fail(std::move(*defect));

    const auto this_update = to_unix_time(X509_CRL_get0_lastUpdate(owned));
    if (!this_update)
        return fail(crl_error(source, "CRL-TIME", "its thisUpdate cannot be read", "fetch the CRL again"));
    shared->this_update = *this_update;
    if (const ASN1_TIME * next = X509_CRL_get0_nextUpdate(owned))
    {
        shared->next_update = to_unix_time(next);
        if (!shared->next_update)
            return fail(crl_error(source, "CRL-TIME", "its nextUpdate cannot be read", "fetch the CRL again"));
    }

    ASN1_INTEGER * raw_number = nullptr;
    ASN1_INTEGER * raw_base = nullptr;
    AUTHORITY_KEYID * raw_key_id = nullptr;
    const int number_state = read_extension(owned, NID_crl_number, raw_number);
    const openssl::Asn1IntegerPtr number(raw_number);
    const int base_state = read_extension(owned, NID_delta_crl, raw_base);
    const openssl::Asn1IntegerPtr base(raw_base);
    const int key_id_state = read_extension(owned, NID_authority_key_identifier, raw_key_id);
    const AuthorityKeyIdPtr key_id(raw_key_id);
    if (number_state < 0 || base_state < 0 || key_id_state < 0)
        return fail(crl_error(source, "CRL", "an extension of the CRL cannot be read", "fetch the CRL again"));
    if (base && !number)
        return fail(crl_error(source, "CRL-DELTA", "a delta CRL without a CRL number updates nothing", "fetch the CRL again"));
    if (number)
        shared->number.reset(ASN1_INTEGER_to_BN(number.get(), nullptr));
    if (base)
        shared->delta_base.reset(ASN1_INTEGER_to_BN(base.get(), nullptr));
    if (key_id && key_id->keyid != nullptr)
        shared->key_id.reset(ASN1_OCTET_STRING_dup(key_id->keyid));
    if ((number != nullptr) != (shared->number != nullptr) || (base != nullptr) != (shared->delta_base != nullptr)
        || (key_id && key_id->keyid != nullptr) != (shared->key_id != nullptr))
        throw std::bad_alloc();

    // OpenSSL sorts the entries at the first lookup, under a lock: that first one is here.
    if (const openssl::Asn1IntegerPtr any_serial(ASN1_INTEGER_new()); any_serial)
    {
        X509_REVOKED * entry = nullptr;
        X509_CRL_get0_by_serial(owned, &entry, any_serial.get());
    }
    return Crl(std::move(shared));
}

Result<std::vector<Crl>> Crl::parse(ByteView bytes, const std::string & source)
{
    openssl::clear_errors();
    std::vector<Crl> out;
    const bool may_be_der = bytes.empty() || bytes[0] == 0x30;
    if (may_be_der && as_text(bytes).find("-----BEGIN ") == std::string_view::npos)
    {
        const uint8_t * at = bytes.data();
        X509_CRL * crl = bytes.empty() ? nullptr : d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size()));
        if (crl == nullptr)
            return fail(crl_error(
                source, "CRL", bytes.empty() ? "empty" : "neither PEM nor one DER CRL: " + openssl::drain_errors(),
                "give CRLs as PEM blocks or one as DER"));
        auto parsed = from(crl, source);
        if (!parsed)
            return fail(std::move(parsed.error()));
        if (at != bytes.data() + bytes.size())
            return fail(crl_error(source, "CRL", "bytes behind the DER CRL", "give CRLs as PEM blocks or one as DER"));
        out.push_back(std::move(*parsed));
        return out;
    }

    const auto blocks = openssl::find_pem_blocks(bytes, source);
    if (!blocks)
        return fail(crl_error(source, "CRL", blocks.error().field + " " + blocks.error().reason, blocks.error().remedy));
    for (const openssl::PemBlock & block : *blocks)
    {
        if (block.label != PEM_STRING_X509_CRL)
            continue;
        openssl::X509CrlPtr crl = read_block(block);
        if (crl == nullptr)
            return fail(crl_error(
                source, "CRL",
                "CRL block " + std::to_string(out.size() + 1) + " (line " + std::to_string(block.line)
                    + ") is damaged: " + openssl::drain_errors(),
                "fetch the CRL again"));
        auto parsed = from(crl.release(), source);
        if (!parsed)
            return fail(std::move(parsed.error()));
        out.push_back(std::move(*parsed));
    }
    if (out.empty())
        return fail(crl_error(source, "CRL", "no X509 CRL block", "give CRLs as PEM blocks or one as DER"));
    return out;
}

const std::string & Crl::source() const
{
    return shared_->source;
}

const std::string & Crl::issuer() const
{
    return shared_->issuer;
}

UnixTime Crl::this_update() const
{
    return shared_->this_update;
}

std::optional<UnixTime> Crl::next_update() const
{
    return shared_->next_update;
}

size_t Crl::entries() const
{
    const int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(shared_->crl.get()));
    return count < 0 ? 0 : static_cast<size_t>(count);
}

X509_CRL * Crl::get() const
{
    return shared_->crl.get();
}

CrlScope Crl::scope() const
{
    return shared_->scope;
}

const DIST_POINT_NAME * Crl::distribution_point() const
{
    return shared_->issuing_point == nullptr ? nullptr : shared_->issuing_point->distpoint;
}

bool Crl::is_indirect() const
{
    return shared_->indirect;
}

Reasons Crl::reasons() const
{
    return shared_->reasons;
}

bool Crl::is_delta() const
{
    return shared_->delta_base != nullptr;
}

bool Crl::updates(const Crl & complete) const
{
    return is_delta() && !complete.is_delta() && complete.shared_->number != nullptr && same_scope(complete)
           && BN_cmp(shared_->delta_base.get(), complete.shared_->number.get()) <= 0
           && BN_cmp(complete.shared_->number.get(), shared_->number.get()) < 0;
}

Listed Crl::lookup(const openssl::Certificate & certificate) const
{
    X509_REVOKED * entry = nullptr;
    const int found = X509_CRL_get0_by_cert(get(), &entry, certificate.x509());
    return found == 1 ? Listed::yes : found == 2 ? Listed::removed : Listed::no;
}

bool Crl::same_scope(const Crl & other) const
{
    return shared_->issuing_point_der == other.shared_->issuing_point_der
           && X509_NAME_cmp(X509_CRL_get_issuer(get()), X509_CRL_get_issuer(other.get())) == 0;
}

bool Crl::newer_than(const Crl & other) const
{
    const int by_number
        = shared_->number && other.shared_->number ? BN_cmp(shared_->number.get(), other.shared_->number.get()) : 0;
    const auto by_date = shared_->this_update <=> other.shared_->this_update;
    return by_number >= 0 && by_date >= 0 && (by_number > 0 || by_date > 0);
}

std::optional<bool> Crl::names_key_of(X509 * issuer) const
{
    const ASN1_OCTET_STRING * subject_key_id = X509_get0_subject_key_id(issuer);
    if (!shared_->key_id || subject_key_id == nullptr)
        return std::nullopt;
    return ASN1_OCTET_STRING_cmp(shared_->key_id.get(), subject_key_id) == 0;
}

}
