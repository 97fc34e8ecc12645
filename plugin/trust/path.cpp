#include "trust/path.h"

#include <algorithm>
#include <array>
#include <new>

#include "openssl/error_queue.h"
#include "trust/anchors.h"
#include "trust/asn1_time.h"
#include "trust/path_message.h"

namespace chmtls::trust
{

namespace
{

using openssl::Certificate;

// Up to here all anchors are handed to OpenSSL as they are; beyond, only those that the query can reach.
constexpr size_t small_store = 8;

/// OpenSSL 3.0 calls a certificate expired in the very second of its notAfter, which RFC 5280 4.1.2.5 counts as valid.
int allow_last_second(int ok, X509_STORE_CTX * context)
{
    if (ok == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_HAS_EXPIRED)
        return ok;
    const X509 * certificate = X509_STORE_CTX_get_current_cert(context);
    const time_t now = X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(context));
    const auto not_after = certificate == nullptr ? std::nullopt : to_unix_time(X509_get0_notAfter(certificate));
    if (!not_after || *not_after != UnixTime{std::chrono::seconds{now}})
        return 0;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

openssl::CertificateList list_of(std::span<const Certificate> certificates)
{
    openssl::CertificateList list(sk_X509_new_reserve(nullptr, static_cast<int>(certificates.size())));
    if (list == nullptr)
        throw std::bad_alloc();
    for (const Certificate & certificate : certificates)
    {
        if (sk_X509_push(list.get(), certificate.x509()) == 0)
            throw std::bad_alloc();
    }
    return list;
}

int purpose_id(Purpose purpose)
{
    switch (purpose)
    {
    case Purpose::client_auth:
        return X509_PURPOSE_SSL_CLIENT;
    case Purpose::server_auth:
        return X509_PURPOSE_SSL_SERVER;
    case Purpose::any:
        return 0;
    }
    return 0;
}

/// For which use an authority may be marked as trusted or rejected (TRUSTED CERTIFICATE).
int trust_id(Purpose purpose)
{
    switch (purpose)
    {
    case Purpose::client_auth:
        return X509_TRUST_SSL_CLIENT;
    case Purpose::server_auth:
        return X509_TRUST_SSL_SERVER;
    case Purpose::any:
        break;
    }
    return X509_TRUST_DEFAULT;
}

enum class Order
{
    anchors_first,
    sent_first, ///< the certificates that came with the leaf are tried as issuers before the anchors
};

enum class Lists
{
    looked_at,
    ignored,
};

PathVerdict refuse(Reason reason, std::string message, size_t depth)
{
    PathVerdict verdict;
    verdict.reason = reason;
    verdict.message = std::move(message);
    verdict.depth = depth;
    return verdict;
}

}

class TrustStore::Impl
{
public:
    Impl(Anchors anchors, std::unique_ptr<const RevocationLists> lists, Options options)
        : anchors_(std::move(anchors)), lists_(std::move(lists)), options_(std::move(options)), whole_(list_of(anchors_.all()))
    {
    }

    [[nodiscard]] const Anchors & anchors() const { return anchors_; }
    [[nodiscard]] const RevocationLists & lists() const { return *lists_; }
    [[nodiscard]] PathVerdict verify(const Query & query) const;

private:
    [[nodiscard]] PathVerdict attempt(
        const Query & query, STACK_OF(X509) * trusted, STACK_OF(X509) * sent, Order order, Lists lists = Lists::looked_at) const;
    [[nodiscard]] PathVerdict judge(const Query & query, X509_STORE_CTX * context, Lists lists) const;
    [[nodiscard]] std::vector<Certificate> alone_with(const Certificate & anchor, std::span<const uint32_t> reachable) const;
    [[nodiscard]] std::vector<Certificate>
    path_to(const Query & query, const Certificate & from, const Certificate & anchor) const;
    [[nodiscard]] PathVerdict refusal(const Query & query, X509_STORE_CTX * context) const;
    [[nodiscard]] const Certificate * owner_of(const Query & query, const X509 * certificate) const;
    [[nodiscard]] bool ends_path(uint32_t anchor) const { return options_.partial_chain || ends_paths(anchors_.all()[anchor]); }

    Anchors anchors_;
    std::unique_ptr<const RevocationLists> lists_;
    Options options_;
    openssl::CertificateList whole_;
};

const Certificate * TrustStore::Impl::owner_of(const Query & query, const X509 * certificate) const
{
    if (certificate == nullptr)
        return nullptr;
    if (query.leaf.x509() == certificate)
        return &query.leaf;
    for (const Certificate & sent : query.intermediates)
    {
        if (sent.x509() == certificate)
            return &sent;
    }
    return anchors_.of(certificate);
}

PathVerdict TrustStore::Impl::refusal(const Query & query, X509_STORE_CTX * context) const
{
    const int depth_found = X509_STORE_CTX_get_error_depth(context);
    const size_t depth = depth_found < 0 ? 0 : static_cast<size_t>(depth_found);
    X509 * at_fault = X509_STORE_CTX_get_current_cert(context);
    Reason reason = reason_of_x509_error(X509_STORE_CTX_get_error(context), depth);
    if (reason == Reason::valid)
        reason = Reason::internal; // OpenSSL failed without saying why
    // OpenSSL has one code for "no CA" and "a CA that may not sign certificates".
    if (reason == Reason::signer_ca && at_fault != nullptr
        && (X509_get_extension_flags(at_fault) & (EXFLAG_BCONS | EXFLAG_CA)) == (EXFLAG_BCONS | EXFLAG_CA))
        reason = Reason::signer_key_usage;
    const Refusal what{
        .reason = reason,
        .certificate = owner_of(query, at_fault),
        .depth = depth,
        .depth_limit = query.depth,
        .issuer_name_known = at_fault != nullptr && !anchors_.named(X509_get_issuer_name(at_fault)).empty()};
    return refuse(reason, message_of(what), depth);
}

PathVerdict TrustStore::Impl::judge(const Query & query, X509_STORE_CTX * context, Lists lists) const
{
    const STACK_OF(X509) * chain = X509_STORE_CTX_get0_chain(context);
    PathVerdict verdict;
    verdict.valid_until = end_of_time;
    const int length = sk_X509_num(chain);
    verdict.path.reserve(static_cast<size_t>(std::max(length, 0)));
    for (int i = 0; i < length; ++i)
    {
        X509 * certificate = sk_X509_value(chain, i);
        const Certificate * owner = owner_of(query, certificate);
        const auto not_after = to_unix_time(X509_get0_notAfter(certificate));
        const auto depth = static_cast<size_t>(i);
        if (owner == nullptr || !not_after)
            return refuse(Reason::internal, "the path holds a certificate that nobody gave", depth);
        if (anchors_.rejects(*owner, trust_id(query.purpose)))
            return refuse(
                Reason::unknown_ca, shown_name(*owner) + " is among the authorities, but marked as rejected for this use", depth);
        verdict.path.push_back(*owner);
        verdict.valid_until = std::min(verdict.valid_until, *not_after);
    }
    verdict.reason = Reason::valid;
    if (lists == Lists::ignored)
        return verdict;
    const JudgedPath judged{
        verdict.path, query.intermediates, query.at,
        [&](const Certificate & from, const Certificate & anchor)
        {
            return path_to(query, from, anchor);
        }};
    if (query.revocation != nullptr)
        *query.revocation = lists_->explain(judged);
    RevocationOutcome revocation = lists_->check(judged);
    if (revocation.reason != Reason::valid)
        return refuse(revocation.reason, std::move(revocation.message), revocation.depth);
    verdict.valid_until = std::min(verdict.valid_until, revocation.valid_until);
    return verdict;
}

/// One that may end a path, and those of the store that only complete one.
std::vector<Certificate> TrustStore::Impl::alone_with(const Certificate & anchor, std::span<const uint32_t> reachable) const
{
    std::vector<Certificate> out{anchor};
    for (const uint32_t i : reachable)
        if (!ends_path(i))
            out.push_back(anchors_.all()[i]);
    return out;
}

std::vector<Certificate>
TrustStore::Impl::path_to(const Query & query, const Certificate & from, const Certificate & anchor) const
{
    const openssl::CertificateList trusted = list_of(
        options_.partial_chain ? std::vector{anchor} : alone_with(anchor, anchors_.reachable(from, query.intermediates)));
    const openssl::CertificateList sent = list_of(query.intermediates);
    const Query one{.leaf = from, .intermediates = query.intermediates, .depth = query.depth, .at = query.at};
    return attempt(one, trusted.get(), sent.get(), Order::anchors_first, Lists::ignored).path;
}

PathVerdict
TrustStore::Impl::attempt(const Query & query, STACK_OF(X509) * trusted, STACK_OF(X509) * sent, Order order, Lists lists) const
{
    const openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), nullptr, query.leaf.x509(), sent) != 1)
        return refuse(Reason::internal, "out of memory", 0);
    X509_STORE_CTX_set0_trusted_stack(context.get(), trusted);
    X509_STORE_CTX_set_verify_cb(context.get(), allow_last_second);
    X509_VERIFY_PARAM * parameters = X509_STORE_CTX_get0_param(context.get());
    if (options_.partial_chain)
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    if (order == Order::sent_first)
        X509_VERIFY_PARAM_clear_flags(parameters, X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(query.at.time_since_epoch().count()));
    X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(std::min<size_t>(query.depth, 100)));
    X509_VERIFY_PARAM_set_auth_level(parameters, options_.security_level);
    if (const int purpose = purpose_id(query.purpose); purpose != 0)
        X509_STORE_CTX_set_purpose(context.get(), purpose);

    openssl::clear_errors();
    const bool accepted = X509_verify_cert(context.get()) == 1;
    openssl::clear_errors();
    return accepted ? judge(query, context.get(), lists) : refusal(query, context.get());
}

PathVerdict TrustStore::Impl::verify(const Query & query) const
{
    const openssl::CertificateList sent = list_of(query.intermediates);
    std::vector<uint32_t> reachable;
    openssl::CertificateList few;
    STACK_OF(X509) * trusted = whole_.get();
    if (anchors_.all().size() > small_store)
    {
        reachable = anchors_.reachable(query.leaf, query.intermediates);
        std::vector<Certificate> chosen;
        chosen.reserve(reachable.size());
        for (const uint32_t i : reachable)
            chosen.push_back(anchors_.all()[i]);
        few = list_of(chosen);
        trusted = few.get();
    }
    PathVerdict first = attempt(query, trusted, sent.get(), Order::anchors_first);
    // What our own rules or a revocation list say of a whole path stays said.
    const bool other_path_may_help = first.reason == Reason::signature || first.reason == Reason::expired
                                     || first.reason == Reason::not_yet_valid || first.reason == Reason::path_length
                                     || first.reason == Reason::name_constraint || first.reason == Reason::signer_ca
                                     || first.reason == Reason::signer_key_usage;
    if (!other_path_may_help)
        return first;

    if (reachable.empty())
        reachable = anchors_.reachable(query.leaf, query.intermediates);
    // OpenSSL picks an issuer by name and key identifier and stays with it, although authorities of one name are normal in a
    // rotated SPIFFE bundle.
    if (reachable.size() > 1)
    {
        for (const uint32_t i : reachable)
        {
            if (!ends_path(i))
                continue;
            const openssl::CertificateList alone = list_of(alone_with(anchors_.all()[i], reachable));
            PathVerdict next = attempt(query, alone.get(), sent.get(), Order::anchors_first);
            if (next.accepted() || next.reason == Reason::revoked)
                return next;
        }
    }
    if (!reachable.empty() && !query.intermediates.empty() && first.reason == Reason::signature)
    {
        PathVerdict next = attempt(query, trusted, sent.get(), Order::sent_first);
        if (next.accepted() || next.reason == Reason::revoked)
            return next;
    }
    return first;
}

TrustStore::TrustStore(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}

TrustStore::~TrustStore() = default;

Checked<std::shared_ptr<const TrustStore>>
TrustStore::create(std::vector<Certificate> anchors, std::vector<Crl> crls, Options options)
{
    Anchors index(std::move(anchors));
    auto lists = RevocationLists::create(std::move(crls), index, options.revocation);
    if (!lists)
        return tl::unexpected(std::move(lists.error()));
    auto impl = std::make_unique<const Impl>(std::move(index), std::move(*lists), std::move(options));
    return std::shared_ptr<const TrustStore>(new TrustStore(std::move(impl)));
}

const std::vector<Certificate> & TrustStore::anchors() const
{
    return impl_->anchors().all();
}

const std::vector<Crl> & TrustStore::crls() const
{
    return impl_->lists().all();
}

bool TrustStore::empty() const
{
    return impl_->anchors().all().empty();
}

PathVerdict TrustStore::verify(const Query & query) const
{
    return impl_->verify(query);
}

bool TrustStore::names_an_issuer_of(const Certificate & leaf, std::span<const Certificate> intermediates) const
{
    const Anchors & anchors = impl_->anchors();
    const auto known = [&](const Certificate & certificate)
    {
        return !anchors.named(X509_get_issuer_name(certificate.x509())).empty();
    };
    return known(leaf) || std::ranges::any_of(intermediates, known);
}

}
