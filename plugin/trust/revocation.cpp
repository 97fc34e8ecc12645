#include "trust/revocation.h"

#include <algorithm>

#include "openssl/error_queue.h"
#include "trust/distribution_point.h"

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
    return openssl::verified([&] { return X509_CRL_verify(list.get(), X509_get0_pubkey(issuer)) == 1; });
}

bool may_sign_lists(X509 * issuer)
{
    return (X509_get_key_usage(issuer) & KU_CRL_SIGN) != 0; // all ones when the extension is absent
}

bool same_name(const X509_NAME * left, const X509_NAME * right)
{
    return X509_NAME_cmp(left, right) == 0;
}

bool is_self_issued(const X509 * certificate)
{
    return same_name(X509_get_subject_name(certificate), X509_get_issuer_name(certificate));
}

bool speaks_of(CrlScope scope, X509 * certificate)
{
    const bool authority = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
    return scope == CrlScope::all || (scope == CrlScope::authorities) == authority;
}

/// Of two that claim to be equally new both count: what one of them revokes is revoked.
void add_newest(std::vector<const Crl *> & newest, const Crl & list)
{
    if (std::ranges::any_of(newest, [&](const Crl * other) { return other->same_series(list) && other->newer_than(list); }))
        return;
    std::erase_if(newest, [&](const Crl * other) { return other->same_series(list) && list.newer_than(*other); });
    newest.push_back(&list);
}

bool is_listed(const Crl & list, const Certificate & certificate)
{
    X509_REVOKED * entry = nullptr;
    // 2 is removeFromCRL, which only a delta CRL may hold; in a full one it says that the certificate is no longer held.
    return X509_CRL_get0_by_serial(list.get(), &entry, X509_get0_serialNumber(certificate.x509())) == 1;
}

std::string list_name(const Crl & list)
{
    return "the CRL of " + printable(list.issuer(), 1024) + " (" + printable(list.source()) + ")";
}

std::string subject_text(const Certificate & certificate)
{
    return printable(certificate.facts().subject, 1024) + ", serial " + certificate.facts().serial_hex;
}

}

struct RevocationLists::Entry
{
    Crl crl;
    std::vector<Bytes> anchor_keys;                 ///< keys of anchors that verify it; fixed at creation
    mutable std::atomic<const Bytes *> other_key{}; ///< the first other key that was seen to verify it

    explicit Entry(Crl list) : crl(std::move(list)) {}
    Entry(const Entry &) = delete;
    Entry & operator=(const Entry &) = delete;
    ~Entry() { delete other_key.load(); }
};

RevocationLists::RevocationLists() = default;

RevocationLists::~RevocationLists() = default;

Checked<std::unique_ptr<const RevocationLists>>
RevocationLists::create(std::vector<Crl> lists, const Anchors & anchors, RevocationRules rules)
{
    std::unique_ptr<RevocationLists> out(new RevocationLists);
    out->rules_ = std::move(rules);
    Errors errors;
    for (const Crl & list : lists)
    {
        auto entry = std::make_unique<Entry>(list);
        const auto candidates = anchors.named(X509_CRL_get_issuer(list.get()));
        bool may_sign = false;
        for (const uint32_t i : candidates)
        {
            X509 * anchor = anchors.all()[i].x509();
            if (!verifies(list, anchor))
                continue;
            entry->anchor_keys.push_back(key_bits(anchor));
            may_sign = may_sign || may_sign_lists(anchor);
        }
        if (!candidates.empty() && entry->anchor_keys.empty())
            errors.push_back(
                {.file = list.source(),
                 .field = "CRL of " + printable(list.issuer(), 1024),
                 .reason = "its signature does not verify with the key of the authority it names",
                 .remedy = "fetch the CRL again, or leave it out when that authority is gone",
                 .code = std::string(code(Reason::crl_invalid))});
        else if (!candidates.empty() && !may_sign)
            errors.push_back(
                {.file = list.source(),
                 .field = "CRL of " + printable(list.issuer(), 1024),
                 .reason = "the authority's key usage does not allow it to sign CRLs",
                 .remedy = "use an authority with cRLSign, or leave the CRL out",
                 .code = std::string(code(Reason::crl_invalid))});
        out->entries_.push_back(std::move(entry));
    }
    if (!errors.empty())
        return tl::unexpected(std::move(errors));
    out->lists_ = std::move(lists);
    if (out->lists_.empty())
        return out;
    for (const Certificate & anchor : anchors.all())
    {
        if (is_self_issued(anchor.x509()))
            continue;
        for (const uint32_t i : anchors.named(X509_get_issuer_name(anchor.x509())))
        {
            X509 * parent = anchors.all()[i].x509();
            if (openssl::verified(
                    [&] {
                        return X509_check_issued(parent, anchor.x509()) == X509_V_OK
                               && X509_verify(anchor.x509(), X509_get0_pubkey(parent)) == 1;
                    }))
            {
                out->parents_.emplace_back(anchor.x509(), anchors.all()[i]);
                break;
            }
        }
    }
    return out;
}

bool RevocationLists::signed_by(const Entry & entry, X509 * issuer) const
{
    const Bytes key = key_bits(issuer);
    if (!entry.anchor_keys.empty())
        return std::ranges::find(entry.anchor_keys, key) != entry.anchor_keys.end();
    if (const Bytes * proven = entry.other_key.load(std::memory_order_acquire); proven != nullptr && *proven == key)
        return true;
    if (!verifies(entry.crl, issuer))
        return false;
    auto fresh = std::make_unique<const Bytes>(key);
    const Bytes * expected = nullptr;
    if (entry.other_key.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel))
        static_cast<void>(fresh.release()); // owned by the entry now
    return true;
}

/// A certificate and who has signed it.
struct RevocationLists::Judged
{
    Certificate certificate;
    Certificate issuer;
    size_t depth;
    bool below_anchor;
};

/// The lists that speak of a certificate.
struct RevocationLists::Selection
{
    std::vector<const Crl *> newest;       ///< one per series
    std::vector<const Crl *> other_points; ///< likewise, of distribution points that the certificate does not name
    const Crl * not_yet_valid = nullptr;   ///< the first to come
    std::optional<RevocationOutcome> refused;
};

const RevocationRule & RevocationLists::rule_of(const Certificate & issuer) const
{
    return rules_.by_authority.empty() ? rules_.general : rules_.of(issuer.facts().subject);
}

RevocationLists::Selection RevocationLists::select(const Judged & one, UnixTime at) const
{
    Selection result;
    std::optional<NamedPoints> points;
    X509 * issuer = one.issuer.x509();
    const auto refuse = [&](const Crl & list, const std::string & what)
    {
        result.refused = {Reason::crl_invalid, list_name(list) + what, one.depth, {}};
        return result;
    };
    for (const auto & entry : entries_)
    {
        const Crl & list = entry->crl;
        if (!same_name(X509_CRL_get_issuer(list.get()), X509_get_subject_name(issuer)))
            continue;
        if (!speaks_of(list.scope(), one.certificate.x509()))
            continue;
        if (!signed_by(*entry, issuer))
        {
            if (!entry->anchor_keys.empty() || list.names_key_of(issuer) == false)
                continue; // another authority of the same name signed it
            return refuse(list, " is not signed by that authority's key");
        }
        if (!may_sign_lists(issuer))
            return refuse(list, " is signed by an authority that may not sign CRLs");
        if (list.distribution_point() != nullptr && !points)
            points.emplace(one.certificate.x509());
        const bool of_its_point = list.distribution_point() == nullptr || points->contain(*list.distribution_point());
        if (list.this_update() - max_clock_skew > at)
        {
            if (!of_its_point)
                continue;
            if (result.not_yet_valid == nullptr || list.this_update() < result.not_yet_valid->this_update())
                result.not_yet_valid = &list;
            continue;
        }
        add_newest(of_its_point ? result.newest : result.other_points, list);
    }
    return result;
}

RevocationOutcome RevocationLists::check_one(const Judged & one, const Selection & lists, UnixTime at) const
{
    if (lists.refused)
        return *lists.refused;
    const RevocationRule & rule = rule_of(one.issuer);
    if (lists.newest.empty() && lists.not_yet_valid != nullptr)
        return {
            Reason::crl_invalid,
            list_name(*lists.not_yet_valid) + " is not valid before " + format_rfc3339(lists.not_yet_valid->this_update()),
            one.depth,
            {}};
    for (const auto * chosen : {&lists.newest, &lists.other_points})
        for (const Crl * list : *chosen)
            if (is_listed(*list, one.certificate))
                return {
                    Reason::revoked,
                    "certificate of " + subject_text(one.certificate) + " is revoked by " + list_name(*list),
                    one.depth,
                    {}};
    if (lists.newest.empty() && rule.policy == RevocationPolicy::require && one.below_anchor)
        return {
            Reason::crl_missing,
            "there is no CRL of " + printable(one.issuer.facts().subject, 1024)
                + (lists.other_points.empty() ? "" : " for its distribution point")
                + ", which is required to judge the certificate of " + subject_text(one.certificate),
            one.depth,
            {}};

    RevocationOutcome outcome;
    if (lists.not_yet_valid != nullptr)
        outcome.valid_until = lists.not_yet_valid->this_update() - max_clock_skew;
    for (const Crl * list : lists.newest)
    {
        if (!list->next_update() || rule.stale == StaleList::open)
            continue;
        const UnixTime end = *list->next_update() + rule.grace;
        if (end < at)
            return {
                Reason::crl_expired,
                list_name(*list) + " expired " + format_rfc3339(*list->next_update())
                    + (rule.grace.count() > 0 ? ", and its grace " + format_rfc3339(end) : std::string()),
                one.depth,
                {}};
        outcome.valid_until = std::min(outcome.valid_until, end);
    }
    return outcome;
}

std::vector<RevocationLists::Judged> RevocationLists::judged(std::span<const Certificate> path) const
{
    std::vector<Certificate> above(path.begin(), path.end());
    for (size_t i = 0; i < above.size() && above.size() < path.size() + 16; ++i)
    {
        if (i + 1 < above.size())
            continue;
        const auto parent = std::ranges::find(parents_, above[i].x509(), &std::pair<const X509 *, Certificate>::first);
        if (parent != parents_.end())
            above.push_back(parent->second);
    }
    std::vector<Judged> result;
    for (size_t i = 0; i < above.size(); ++i)
    {
        const bool last = i + 1 == above.size();
        const Certificate & issuer = last ? above[i] : above[i + 1];
        if (last && !is_self_issued(issuer.x509()))
            break; // nobody here knows who signed this anchor
        if (rule_of(issuer).policy != RevocationPolicy::off)
            result.push_back({above[i], issuer, i, i + 1 < path.size()});
    }
    return result;
}

RevocationOutcome RevocationLists::check(std::span<const Certificate> path, UnixTime at) const
{
    RevocationOutcome total;
    if (path.empty() || (entries_.empty() && !rules_.requires_any()))
        return total;
    for (const Judged & one : judged(path))
    {
        RevocationOutcome outcome = check_one(one, select(one, at), at);
        if (outcome.reason != Reason::valid)
            return outcome;
        total.valid_until = std::min(total.valid_until, outcome.valid_until);
    }
    return total;
}

std::vector<RevocationStep> RevocationLists::explain(std::span<const Certificate> path, UnixTime at) const
{
    std::vector<RevocationStep> steps;
    for (const Judged & one : judged(path))
    {
        const Selection lists = select(one, at);
        if (lists.newest.empty() && !one.below_anchor)
            continue; // an anchor's own list is optional
        RevocationOutcome outcome = check_one(one, lists, at);
        RevocationStep step{
            .depth = one.depth,
            .certificate = subject_text(one.certificate),
            .issuer = one.issuer.facts().subject,
            .policy = rule_of(one.issuer).policy,
            .lists = {},
            .reason = outcome.reason,
            .message = std::move(outcome.message)};
        for (const Crl * list : lists.newest)
            step.lists.push_back(*list);
        steps.push_back(std::move(step));
        if (outcome.reason != Reason::valid)
            break;
    }
    return steps;
}

}
