#include "trust/signed_list.h"

#include <algorithm>

#include "openssl/error_queue.h"

namespace chmtls::trust
{

namespace
{

using openssl::Certificate;

Bytes key_bits(const X509 * certificate)
{
    const ASN1_BIT_STRING * bits = X509_get0_pubkey_bitstr(certificate);
    const uint8_t * data = ASN1_STRING_get0_data(bits);
    return {data, data + ASN1_STRING_length(bits)};
}

/// A list that is passed over for want of memory would let in whom it revokes.
bool verifies(const Crl & list, X509 * issuer)
{
    return openssl::verified(
        [&]
        {
            // Null: a key of a kind that OpenSSL does not know. It verifies nothing, and asking would look like want of memory.
            EVP_PKEY * const key = X509_get0_pubkey(issuer);
            return key != nullptr && X509_CRL_verify(list.get(), key) == 1;
        });
}

}

bool same_key(const Certificate & left, const Certificate & right)
{
    return key_bits(left.x509()) == key_bits(right.x509());
}

bool may_sign_lists(const Certificate & certificate)
{
    return (X509_get_key_usage(certificate.x509()) & KU_CRL_SIGN) != 0; // all ones when the extension is absent
}

SignedList::SignedList(Crl list, const Anchors & known) : crl_(std::move(list))
{
    for (const uint32_t i : known.named(X509_CRL_get_issuer(crl_.get())))
        if (verifies(crl_, known.all()[i].x509()))
            known_signers_.push_back(known.all()[i]);
}

SignedList::~SignedList()
{
    delete other_key_.load();
}

bool SignedList::is_named_by(const Certificate & certificate) const
{
    return X509_NAME_cmp(X509_get_subject_name(certificate.x509()), X509_CRL_get_issuer(crl_.get())) == 0;
}

bool SignedList::signed_by(const Certificate & signer) const
{
    if (!known_signers_.empty())
        return same_key(known_signers_.front(), signer); // one key has signed it
    const Bytes key = key_bits(signer.x509());
    if (const Bytes * proven = other_key_.load(std::memory_order_acquire); proven != nullptr && *proven == key)
        return true;
    if (!verifies(crl_, signer.x509()))
        return false;
    auto fresh = std::make_unique<const Bytes>(key);
    const Bytes * expected = nullptr;
    if (other_key_.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel))
        static_cast<void>(fresh.release()); // owned by the list now
    return true;
}

Judged SignedList::judge(const Certificate & issuer, const Certificate & anchor, const SignerSearch & search) const
{
    Judged otherwise;
    const auto has_signed = [&](const Certificate & certificate)
    {
        if (!is_named_by(certificate) || !signed_by(certificate))
            return false;
        if (may_sign_lists(certificate))
            return true;
        otherwise.standing = Standing::may_not_sign;
        return false;
    };
    if (has_signed(issuer))
        return {Standing::counts, &issuer};
    if (const auto found = std::ranges::find_if(search.path, has_signed); found != search.path.end())
        return {Standing::counts, &*found};
    for (const Certificate & known : known_signers_)
    {
        if (!may_sign_lists(known))
            continue;
        if (search.leads_to(known, anchor))
            return {Standing::counts, &known};
        if (otherwise.standing == Standing::unverified)
            otherwise.standing = Standing::other_authority;
    }
    // The signature last: it covers megabytes, and only who has a place below the anchor may make us compute it.
    const auto is_signer = [&](const Certificate & certificate)
    {
        return is_named_by(certificate) && crl_.names_key_of(certificate.x509()) != false && may_sign_lists(certificate)
               && search.leads_to(certificate, anchor) && signed_by(certificate);
    };
    if (const auto found = std::ranges::find_if(search.sent, is_signer); found != search.sent.end())
        return {Standing::counts, &*found};
    return otherwise;
}

}
