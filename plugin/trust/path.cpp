#include "trust/path.h"

#include <algorithm>
#include <array>
#include <new>

#include "openssl/error_queue.h"
#include "trust/anchors.h"
#include "trust/asn1_time.h"
#include "trust/name_constraints.h"
#include "trust/path_message.h"
#include "trust/path_search.h"

namespace chmtls::trust
{

namespace
{

using openssl::Certificate;

// Up to here all anchors are handed to OpenSSL as they are; beyond, only those that the query can reach.
constexpr size_t small_store = 8;

// What a chain may cost beyond the one path that OpenSSL tries by itself: about 70 ms. Whole test suites of hostile chains need
// less than a tenth of it.
constexpr uint64_t search_budget = 700;

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

enum class Lists
{
    looked_at,
    ignored,
};

/// While a given path is verified nobody but the next of the path has issued a certificate.
int follows_path(X509_STORE_CTX * context, X509 * subject, X509 * issuer)
{
    const auto & path = *static_cast<const std::vector<Certificate> *>(X509_STORE_CTX_get_app_data(context));
    const auto found = std::ranges::find(path, subject, &Certificate::x509);
    if (found == path.end())
        return 0;
    if (found + 1 != path.end())
        return (found + 1)->x509() == issuer ? 1 : 0;
    return subject == issuer && X509_self_signed(subject, 0) == 1 ? 1 : 0;
}

/// A store without anything in it, for paths that are given.
openssl::X509StorePtr store_for_given_paths()
{
    openssl::X509StorePtr store(X509_STORE_new());
    if (store == nullptr)
        throw std::bad_alloc();
    X509_STORE_set_check_issued(store.get(), follows_path);
    return store;
}

bool is_critical(const X509 * certificate, int nid)
{
    const int at = X509_get_ext_by_NID(certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

/// Does it make policies matter (RFC 5280 6.1 with the initial set anyPolicy)? They decide only where an authority demands them,
/// and whoever does not process an extension that is critical must refuse it.
bool makes_policies_matter(const Certificate & certificate)
{
    const X509 * const x509 = certificate.x509();
    return X509_get_ext_by_NID(x509, NID_policy_constraints, -1) >= 0 || is_critical(x509, NID_certificate_policies)
           || is_critical(x509, NID_policy_mappings) || is_critical(x509, NID_inhibit_any_policy);
}

bool sets_any_policy(X509_VERIFY_PARAM * parameters)
{
    // Without an initial set OpenSSL refuses whatever needs a policy.
    return X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_POLICY_CHECK) == 1
           && X509_VERIFY_PARAM_add0_policy(parameters, OBJ_nid2obj(NID_any_policy)) == 1;
}

/// OpenSSL takes "server gated crypto" of the nineties, Netscape's and Microsoft's, for serverAuth.
bool is_server_by_gated_crypto(X509 * certificate)
{
    if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0)
        return false;
    return (X509_get_extended_key_usage(certificate) & (XKU_SGC | XKU_SSL_SERVER)) == XKU_SGC;
}

/// No other path helps: the fault is the leaf's own.
bool is_final(const PathVerdict & verdict)
{
    switch (verdict.reason)
    {
    case Reason::valid:
    case Reason::internal:
        return true;
    case Reason::revoked:
    case Reason::expired:
    case Reason::not_yet_valid:
    case Reason::purpose:
    case Reason::critical_extension:
    case Reason::parse:
    case Reason::weak:
        return verdict.depth == 0;
    default:
        return false;
    }
}

/// How far a refused path came.
int reach(Reason reason)
{
    switch (reason)
    {
    case Reason::unknown_ca:
    case Reason::self_signed:
        return 0;
    case Reason::signature:
        return 1;
    case Reason::depth:
        return 2;
    case Reason::revoked:
        return 4;
    default:
        return 3;
    }
}

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
        : anchors_(std::move(anchors)), lists_(std::move(lists)), options_(std::move(options)), whole_(list_of(anchors_.all())),
          given_paths_(store_for_given_paths()), policies_matter_(std::ranges::any_of(anchors_.all(), makes_policies_matter))
    {
    }

    [[nodiscard]] const Anchors & anchors() const { return anchors_; }
    [[nodiscard]] const RevocationLists & lists() const { return *lists_; }
    [[nodiscard]] PathVerdict verify(const Query & query) const;

private:
    [[nodiscard]] PathVerdict verify_by_openssl(const Query & query, WorkBudget & budget) const;
    [[nodiscard]] PathVerdict
    verify_path(const Query & query, const std::vector<Certificate> & path, WorkBudget & budget, Lists lists) const;
    [[nodiscard]] bool prepare(const Query & query, X509_STORE_CTX * context) const;
    [[nodiscard]] PathVerdict run(const Query & query, X509_STORE_CTX * context, WorkBudget & budget, Lists lists) const;
    [[nodiscard]] PathVerdict judge(const Query & query, X509_STORE_CTX * context, WorkBudget & budget, Lists lists) const;
    [[nodiscard]] PathVerdict refusal(const Query & query, X509_STORE_CTX * context) const;
    [[nodiscard]] PathVerdict search(const Query & query, PathVerdict first, WorkBudget & budget) const;
    [[nodiscard]] PathSearch::Input search_input(const Query & query) const;
    [[nodiscard]] std::vector<Certificate>
    path_to(const Query & query, const Certificate & from, const Certificate & anchor, WorkBudget & budget) const;
    [[nodiscard]] const Certificate * owner_of(const Query & query, const X509 * certificate) const;
    [[nodiscard]] bool ends_path(const Certificate & anchor) const { return options_.partial_chain || ends_paths(anchor); }

    Anchors anchors_;
    std::unique_ptr<const RevocationLists> lists_;
    Options options_;
    openssl::CertificateList whole_;
    openssl::X509StorePtr given_paths_;
    bool policies_matter_; ///< for an anchor
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
    const int error = X509_STORE_CTX_get_error(context);
    const int depth_found = X509_STORE_CTX_get_error_depth(context);
    const size_t depth = depth_found < 0 ? 0 : static_cast<size_t>(depth_found);
    X509 * at_fault = X509_STORE_CTX_get_current_cert(context);
    Reason reason = reason_of_x509_error(error, depth);
    if (reason == Reason::valid)
        reason = Reason::internal; // OpenSSL failed without saying why
    // OpenSSL has one code for "no CA" and "a CA that may not sign certificates".
    if (reason == Reason::signer_ca && at_fault != nullptr
        && (X509_get_extension_flags(at_fault) & (EXFLAG_BCONS | EXFLAG_CA)) == (EXFLAG_BCONS | EXFLAG_CA))
        reason = Reason::signer_key_usage;
    // Nor one of its own for its bounds on names and policies, which only such chains can meet.
    const auto is_bound = [&](const Certificate & certificate)
    {
        return (error == X509_V_ERR_UNSPECIFIED && X509_get_ext_by_NID(certificate.x509(), NID_name_constraints, -1) >= 0)
               || (error == X509_V_ERR_OUT_OF_MEM && X509_get_ext_by_NID(certificate.x509(), NID_policy_mappings, -1) >= 0);
    };
    if (std::ranges::any_of(query.intermediates, is_bound) || std::ranges::any_of(anchors_.all(), is_bound))
        reason = Reason::resource;
    const Refusal what{
        .reason = reason,
        .certificate = owner_of(query, at_fault),
        .depth = depth,
        .depth_limit = query.depth,
        .issuer_name_known = at_fault != nullptr && !anchors_.named(X509_get_issuer_name(at_fault)).empty(),
        .lacks_policy = error == X509_V_ERR_NO_EXPLICIT_POLICY};
    return refuse(reason, message_of(what), depth);
}

PathVerdict TrustStore::Impl::judge(const Query & query, X509_STORE_CTX * context, WorkBudget & budget, Lists lists) const
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
        if (query.purpose == Purpose::server_auth && is_server_by_gated_crypto(certificate))
            return refuse(
                Reason::purpose,
                shown_name(*owner) + " is for \"server gated crypto\" by its extended key usage, and that is not serverAuth",
                depth);
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
            return path_to(query, from, anchor, budget);
        }};
    if (query.revocation != nullptr)
        *query.revocation = lists_->explain(judged);
    RevocationOutcome revocation = lists_->check(judged);
    if (revocation.reason != Reason::valid)
        return refuse(revocation.reason, std::move(revocation.message), revocation.depth);
    verdict.valid_until = std::min(verdict.valid_until, revocation.valid_until);
    return verdict;
}

bool TrustStore::Impl::prepare(const Query & query, X509_STORE_CTX * context) const
{
    X509_STORE_CTX_set_verify_cb(context, allow_last_second);
    X509_VERIFY_PARAM * parameters = X509_STORE_CTX_get0_param(context);
    if (options_.partial_chain)
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(query.at.time_since_epoch().count()));
    X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(std::min<size_t>(query.depth, 100)));
    X509_VERIFY_PARAM_set_auth_level(parameters, options_.security_level);
    if (const int purpose = purpose_id(query.purpose); purpose != 0)
        X509_STORE_CTX_set_purpose(context, purpose);
    const bool policies_matter = policies_matter_ || makes_policies_matter(query.leaf)
                                 || std::ranges::any_of(query.intermediates, makes_policies_matter);
    return !policies_matter || sets_any_policy(parameters);
}

PathVerdict TrustStore::Impl::run(const Query & query, X509_STORE_CTX * context, WorkBudget & budget, Lists lists) const
{
    openssl::clear_errors();
    const bool accepted = X509_verify_cert(context) == 1;
    openssl::clear_errors();
    return accepted ? judge(query, context, budget, lists) : refusal(query, context);
}

/// By the path that OpenSSL builds.
PathVerdict TrustStore::Impl::verify_by_openssl(const Query & query, WorkBudget & budget) const
{
    const openssl::CertificateList sent = list_of(query.intermediates);
    openssl::CertificateList few;
    if (anchors_.all().size() > small_store)
    {
        std::vector<Certificate> chosen;
        for (const uint32_t i : anchors_.reachable(query.leaf, query.intermediates))
            chosen.push_back(anchors_.all()[i]);
        few = list_of(chosen);
    }
    const openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), nullptr, query.leaf.x509(), sent.get()) != 1
        || !prepare(query, context.get()))
        return refuse(Reason::internal, "out of memory", 0);
    X509_STORE_CTX_set0_trusted_stack(context.get(), few ? few.get() : whole_.get());
    return run(query, context.get(), budget, Lists::looked_at);
}

/// By this path, leaf ... anchor, and no other.
PathVerdict
TrustStore::Impl::verify_path(const Query & query, const std::vector<Certificate> & path, WorkBudget & budget, Lists lists) const
{
    const openssl::CertificateList between = list_of(std::span(path).first(path.size() - 1));
    const openssl::CertificateList anchor = list_of(std::span(path).last(1));
    const openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), given_paths_.get(), query.leaf.x509(), between.get()) != 1
        || X509_STORE_CTX_set_app_data(context.get(), const_cast<std::vector<Certificate> *>(&path)) != 1
        || !prepare(query, context.get()))
        return refuse(Reason::internal, "out of memory", 0);
    X509_STORE_CTX_set0_trusted_stack(context.get(), anchor.get());
    return run(query, context.get(), budget, lists);
}

PathSearch::Input TrustStore::Impl::search_input(const Query & query) const
{
    PathSearch::Input input{
        .leaf = query.leaf,
        .sent = query.intermediates,
        .purpose = purpose_id(query.purpose),
        .depth = query.depth,
        .at = query.at};
    for (const uint32_t i : anchors_.reachable(query.leaf, query.intermediates))
        input.known.push_back({anchors_.all()[i], ends_path(anchors_.all()[i])});
    return input;
}

/// OpenSSL's own path came to nothing: are there others?
PathVerdict TrustStore::Impl::search(const Query & query, PathVerdict first, WorkBudget & budget) const
{
    const openssl::ErrorScope errors;
    PathVerdict furthest = std::move(first);
    std::vector<Certificate> furthest_path;
    size_t tried = 0;
    PathSearch(search_input(query), budget)
        .each(
            [&](const std::vector<Certificate> & path)
            {
                ++tried;
                PathVerdict verdict = verify_path(query, path, budget, Lists::looked_at);
                const bool enough = is_final(verdict);
                if (enough || reach(verdict.reason) > reach(furthest.reason)
                    || (furthest_path.empty() && reach(verdict.reason) == reach(furthest.reason)))
                {
                    furthest = std::move(verdict);
                    furthest_path = path;
                }
                return enough;
            });
    if (furthest.accepted())
        return furthest;
    if (tried > 1 && !furthest_path.empty())
        furthest.message += came_furthest(furthest_path, tried);
    if (budget.overdrawn())
        return refuse(
            Reason::resource, "the certificates allow more paths than are tried; on the furthest " + furthest.message,
            furthest.depth);
    return furthest;
}

std::vector<Certificate>
TrustStore::Impl::path_to(const Query & query, const Certificate & from, const Certificate & anchor, WorkBudget & budget) const
{
    const openssl::ErrorScope errors;
    const Query asked{.leaf = from, .intermediates = query.intermediates, .depth = query.depth, .at = query.at};
    PathSearch::Input input = search_input(asked);
    for (KnownAuthority & known : input.known)
        known.ends_paths = known.certificate == anchor;
    std::vector<Certificate> found;
    PathSearch(input, budget)
        .each(
            [&](const std::vector<Certificate> & path)
            {
                if (verify_path(asked, path, budget, Lists::ignored).accepted())
                    found = path;
                return !found.empty();
            });
    return found;
}

PathVerdict TrustStore::Impl::verify(const Query & query) const
{
    WorkBudget budget(search_budget);
    PathVerdict first = verify_by_openssl(query, budget);
    return is_final(first) ? first : search(query, std::move(first), budget);
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
