#include "trust/revocation.h"

#include <algorithm>

#include "openssl/error_queue.h"
#include "trust/distribution_point.h"

namespace chmtls::trust
{

namespace
{

using openssl::Certificate;

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

/// A list that counts, and who has signed it.
struct Counted
{
    const Crl * list;
    const Certificate * signer;
    Coverage coverage;
};

/// What one key has signed does not replace what another has: an authority with two keys may have two lists, each for what that
/// key has signed.
bool same_series(const Counted & left, const Counted & right)
{
    return left.list->same_scope(*right.list) && same_key(*left.signer, *right.signer);
}

/// Those that no other of their series replaces. Of two that claim to be equally new, or that number and date put in different
/// orders, both count: what one of them revokes is revoked.
std::vector<Counted> newest_of(const std::vector<Counted> & lists)
{
    std::vector<Counted> newest;
    const auto is_newest = [&](const Counted & old)
    {
        return std::ranges::none_of(
            lists, [&](const Counted & other) { return other.list->newer_than(*old.list) && same_series(other, old); });
    };
    std::ranges::copy_if(lists, std::back_inserter(newest), is_newest);
    return newest;
}

/// The deltas that bring a complete list up to date (RFC 5280 5.2.4).
std::vector<Counted> updates_of(const Counted & complete, const std::vector<Counted> & deltas)
{
    std::vector<Counted> updates;
    const auto fits = [&](const Counted & delta)
    {
        return delta.list->updates(*complete.list) && same_key(*delta.signer, *complete.signer);
    };
    std::ranges::copy_if(deltas, std::back_inserter(updates), fits);
    return newest_of(updates);
}

/// Is it listed by this one, as brought up to date?
bool lists(const Counted & complete, const std::vector<Counted> & deltas, const Certificate & certificate)
{
    Listed listed = complete.list->lookup(certificate);
    for (const Counted & delta : updates_of(complete, deltas))
    {
        const Listed said = delta.list->lookup(certificate);
        if (said == Listed::yes)
            return true;
        if (said == Listed::removed)
            listed = Listed::removed;
    }
    return listed == Listed::yes;
}

UnixTime end_of(const Crl & list, std::chrono::seconds grace)
{
    return list.next_update() ? *list.next_update() + grace : end_of_time;
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
        auto entry = std::make_unique<const SignedList>(list, anchors);
        const auto & signers = entry->known_signers();
        const auto refuse = [&](const char * reason, const char * remedy)
        {
            errors.push_back(
                {.file = list.source(),
                 .field = "CRL of " + printable(list.issuer(), 1024),
                 .reason = reason,
                 .remedy = remedy,
                 .code = std::string(code(Reason::crl_invalid))});
        };
        if (signers.empty() && !anchors.named(X509_CRL_get_issuer(list.get())).empty())
            refuse(
                "its signature does not verify with the key of the authority it names",
                "fetch the CRL again; when the authority signs its lists with another key, add the certificate of that key to "
                "the "
                "authorities; leave the CRL out when the authority is gone");
        else if (!signers.empty() && std::ranges::none_of(signers, may_sign_lists))
            refuse(
                "the authority's key usage does not allow it to sign CRLs",
                "use an authority with cRLSign, or leave the CRL out");
        out->signed_.push_back(std::move(entry));
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
                    [&]
                    {
                        EVP_PKEY * const key = X509_get0_pubkey(parent);
                        return key != nullptr && X509_check_issued(parent, anchor.x509()) == X509_V_OK
                               && X509_verify(anchor.x509(), key) == 1;
                    }))
            {
                out->parents_.emplace_back(anchor.x509(), anchors.all()[i]);
                break;
            }
        }
    }
    return out;
}

/// A certificate and who has signed it.
struct RevocationLists::Step
{
    Certificate certificate;
    Certificate issuer;
    Certificate anchor; ///< where the path of a list for it has to end
    size_t depth;
    bool below_anchor;
};

/// The lists that speak of a certificate.
struct RevocationLists::Selection
{
    std::vector<Counted> complete;       ///< the newest of each series
    std::vector<Counted> deltas;         ///< all that no complete list of their series replaces
    const Crl * not_yet_valid = nullptr; ///< the first to come
    std::optional<RevocationOutcome> refused;

    /// Has an answer for this reason or that: else it only speaks of whom it lists.
    [[nodiscard]] static bool answers(const Counted & each) { return each.coverage.of_its_point; }
    [[nodiscard]] bool has_answer() const { return std::ranges::any_of(complete, answers); }
    [[nodiscard]] Reasons reasons() const
    {
        Reasons covered = 0;
        for (const Counted & each : complete)
            covered = static_cast<Reasons>(covered | each.coverage.reasons);
        return covered;
    }

    /// By which list the certificate is revoked.
    [[nodiscard]] const Crl * revoking(const Certificate & certificate) const
    {
        for (const Counted & each : complete)
            if (lists(each, deltas, certificate))
                return each.list;
        for (const Counted & each : newest_of(deltas))
            if (each.list->lookup(certificate) == Listed::yes)
                return each.list;
        return nullptr;
    }

    /// When the last list of a series ends, brought up to date: an older one beside it still lists whom it lists.
    [[nodiscard]] UnixTime end(const Counted & one, std::chrono::seconds grace) const
    {
        UnixTime end{};
        for (const Counted & other : complete)
        {
            if (!same_series(other, one))
                continue;
            end = std::max(end, end_of(*other.list, grace));
            for (const Counted & delta : updates_of(other, deltas))
                end = std::max(end, end_of(*delta.list, grace));
        }
        return end;
    }
};

const RevocationRule & RevocationLists::rule_of(const Certificate & issuer) const
{
    return rules_.by_authority.empty() ? rules_.general : rules_.of(issuer.facts().subject);
}

/// By lists that the keys of the path itself have signed: whether those of others count is what is being asked.
bool RevocationLists::is_revoked_directly(std::span<const Certificate> path) const
{
    for (size_t i = 0; i + 1 < path.size(); ++i)
        for (const auto & list : signed_)
            if (same_name(X509_CRL_get_issuer(list->crl().get()), X509_get_subject_name(path[i + 1].x509()))
                && list->signed_by(path[i + 1]) && list->crl().lookup(path[i]) == Listed::yes)
                return true;
    return false;
}

SignerSearch RevocationLists::search_of(const JudgedPath & judged) const
{
    struct Answer
    {
        const X509 * signer;
        const X509 * anchor;
        bool leads;
    };
    return {
        judged.path, judged.sent,
        [this, &judged, known = std::vector<Answer>()](const Certificate & signer, const Certificate & anchor) mutable
        {
            for (const Answer & answer : known)
                if (answer.signer == signer.x509() && answer.anchor == anchor.x509())
                    return answer.leads;
            const std::vector<Certificate> path = judged.path_to(signer, anchor);
            known.push_back({signer.x509(), anchor.x509(), !path.empty() && !is_revoked_directly(path)});
            return known.back().leads;
        }};
}

RevocationLists::Selection RevocationLists::select(const Step & step, const SignerSearch & search, UnixTime at) const
{
    Selection result;
    std::vector<Counted> complete;
    std::optional<NamedPoints> points;
    const auto coverage_of = [&](const Crl & list)
    {
        if (!list.is_indirect() && list.distribution_point() == nullptr)
            return Coverage{true, true, list.reasons()};
        if (!points)
            points.emplace(step.certificate.x509());
        return points->coverage(list);
    };
    const auto refuse = [&](const Crl & list, const std::string & what)
    {
        if (!result.refused)
            result.refused = {Reason::crl_invalid, list_name(list) + what, step.depth, {}};
    };
    for (const auto & entry : signed_)
    {
        const Crl & list = entry->crl();
        if (!list.is_indirect() && !same_name(X509_CRL_get_issuer(list.get()), X509_get_subject_name(step.issuer.x509())))
            continue;
        const Coverage coverage = coverage_of(list);
        if (!(coverage.of_its_issuer || coverage.of_its_point) || !speaks_of(list.scope(), step.certificate.x509()))
            continue;
        const Judged judged = entry->judge(step.issuer, step.anchor, search);
        switch (judged.standing)
        {
        case Standing::counts:
            break;
        case Standing::other_authority:
            continue;
        case Standing::may_not_sign:
            refuse(list, " is signed by an authority that may not sign CRLs");
            continue;
        case Standing::unverified:
            refuse(
                list, " is not signed by that authority's key, nor by another key that is known to be its; when it is right, add "
                      "the certificate of the key that has signed it to the authorities");
            continue;
        }
        if (list.this_update() - max_clock_skew <= at)
            (list.is_delta() ? result.deltas : complete).push_back({&list, judged.signer, coverage});
        else if (
            coverage.of_its_point && !list.is_delta()
            && (result.not_yet_valid == nullptr || list.this_update() < result.not_yet_valid->this_update()))
            result.not_yet_valid = &list;
    }
    result.complete = newest_of(complete);
    std::erase_if(
        result.deltas,
        [&](const Counted & delta)
        {
            return std::ranges::any_of(
                complete, [&](const Counted & each) { return each.list->newer_than(*delta.list) && same_series(each, delta); });
        });
    return result;
}

RevocationOutcome RevocationLists::judge(const Step & step, const Selection & lists, UnixTime at) const
{
    const auto refuse = [&](Reason reason, std::string message)
    {
        return RevocationOutcome{reason, std::move(message), step.depth, {}};
    };
    if (const Crl * list = lists.revoking(step.certificate))
        return refuse(Reason::revoked, "certificate of " + subject_text(step.certificate) + " is revoked by " + list_name(*list));
    if (lists.refused)
        return *lists.refused;
    const RevocationRule & rule = rule_of(step.issuer);
    if (!lists.has_answer() && lists.not_yet_valid != nullptr)
        return refuse(
            Reason::crl_invalid,
            list_name(*lists.not_yet_valid) + " is not valid before " + format_rfc3339(lists.not_yet_valid->this_update()));
    if (lists.reasons() != all_reasons && rule.policy == RevocationPolicy::require && step.below_anchor)
        return refuse(
            Reason::crl_missing, "there is no CRL of " + printable(step.issuer.facts().subject, 1024)
                                     + (lists.has_answer()       ? " for all reasons of revocation"
                                        : lists.complete.empty() ? ""
                                                                 : " for its distribution point")
                                     + ", which is required to judge the certificate of " + subject_text(step.certificate));

    RevocationOutcome outcome;
    if (lists.not_yet_valid != nullptr)
        outcome.valid_until = lists.not_yet_valid->this_update() - max_clock_skew;
    if (rule.stale == StaleList::open)
        return outcome;
    for (const Counted & each : lists.complete)
    {
        if (!Selection::answers(each))
            continue;
        const UnixTime end = lists.end(each, rule.grace);
        if (end < at)
            return refuse(
                Reason::crl_expired, list_name(*each.list) + " expired " + format_rfc3339(*each.list->next_update())
                                         + (rule.grace.count() > 0 ? ", and its grace " + format_rfc3339(end) : std::string()));
        outcome.valid_until = std::min(outcome.valid_until, end);
    }
    return outcome;
}

std::vector<RevocationLists::Step> RevocationLists::steps_of(std::span<const Certificate> path) const
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
    std::vector<Step> result;
    for (size_t i = 0; i < above.size(); ++i)
    {
        const bool last = i + 1 == above.size();
        const bool below_anchor = i + 1 < path.size();
        const Certificate & issuer = last ? above[i] : above[i + 1];
        if (last && !is_self_issued(issuer.x509()))
            break; // nobody here knows who signed this anchor
        if (rule_of(issuer).policy != RevocationPolicy::off)
            result.push_back({above[i], issuer, below_anchor ? path.back() : issuer, i, below_anchor});
    }
    return result;
}

RevocationOutcome RevocationLists::check(const JudgedPath & judged) const
{
    RevocationOutcome total;
    if (judged.path.empty() || (signed_.empty() && !rules_.requires_any()))
        return total;
    const SignerSearch search = search_of(judged);
    for (const Step & step : steps_of(judged.path))
    {
        RevocationOutcome outcome = judge(step, select(step, search, judged.at), judged.at);
        if (outcome.reason != Reason::valid)
            return outcome;
        total.valid_until = std::min(total.valid_until, outcome.valid_until);
    }
    return total;
}

std::vector<RevocationStep> RevocationLists::explain(const JudgedPath & judged) const
{
    std::vector<RevocationStep> steps;
    const SignerSearch search = search_of(judged);
    for (const Step & step : steps_of(judged.path))
    {
        const Selection lists = select(step, search, judged.at);
        RevocationOutcome outcome = judge(step, lists, judged.at);
        if (!lists.has_answer() && !step.below_anchor && outcome.reason == Reason::valid)
            continue; // an anchor's own list is optional
        RevocationStep said{
            .depth = step.depth,
            .certificate = subject_text(step.certificate),
            .issuer = step.issuer.facts().subject,
            .policy = rule_of(step.issuer).policy,
            .lists = {},
            .reason = outcome.reason,
            .message = std::move(outcome.message)};
        for (const auto * chosen : {&lists.complete, &lists.deltas})
            for (const Counted & each : *chosen)
                if (Selection::answers(each))
                    said.lists.push_back(*each.list);
        steps.push_back(std::move(said));
        if (outcome.reason != Reason::valid)
            break;
    }
    return steps;
}

}
