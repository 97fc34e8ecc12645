#pragma once

// Which certificates of a validated path are revoked (RFC 5280 6.3).

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trust/anchors.h"
#include "trust/crl.h"
#include "trust/revocation_rules.h"
#include "trust/signed_list.h"

namespace chmtls::trust
{

/// A moment that no certificate reaches.
inline constexpr UnixTime end_of_time{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}};

/// A list counts from so long before its thisUpdate on: the clock of who issued it may be ahead of ours.
inline constexpr std::chrono::minutes max_clock_skew{5};

struct RevocationOutcome
{
    Reason reason = Reason::valid;
    std::string message;
    size_t depth = 0;
    UnixTime valid_until = end_of_time; ///< earliest nextUpdate of the lists that were used, and when the next one counts
};

/// How one certificate of a path was judged, for a person.
struct RevocationStep
{
    size_t depth = 0;
    std::string certificate; ///< subject and serial
    std::string issuer;      ///< RFC 4514
    RevocationPolicy policy = RevocationPolicy::if_present;
    std::vector<Crl> lists; ///< that were looked at, the newest of each series
    Reason reason = Reason::valid;
    std::string message;
};

/// A validated path, and what may tell who has signed a list.
struct JudgedPath
{
    std::span<const openssl::Certificate> path; ///< leaf ... anchor
    std::span<const openssl::Certificate> sent; ///< what came along with the leaf
    UnixTime at;
    /// A valid path from a certificate to this anchor, both included; empty: there is none. Lists are not looked at.
    std::function<std::vector<openssl::Certificate>(const openssl::Certificate & from, const openssl::Certificate & anchor)>
        path_to;
};

/// Immutable after construction but for a remembered signature check per list; thread-safe, no lock.
class RevocationLists
{
public:
    /// A list whose issuer name is an anchor's must be signed by an anchor of that name which may sign lists; otherwise it is an
    /// error that names the list. Lists of other issuers are judged when their issuer turns up on a path.
    [[nodiscard]] static Checked<std::unique_ptr<const RevocationLists>>
    create(std::vector<Crl> lists, const Anchors & anchors, RevocationRules rules = {});

    ~RevocationLists();
    [[nodiscard]] const std::vector<Crl> & all() const { return lists_; }

    /// Judges every certificate of the path by the lists of its issuer's name, and what lies above the anchor as far as other
    /// anchors show it; each by the rule of its issuer. A list counts when somebody of that name whose path ends at the same
    /// anchor has signed it, with whichever key (RFC 5280 6.3.3 (f)): the issuer itself, another certificate of the path, an
    /// anchor, or one that came along. Refused: listed (REVOKED); a list of that name that nobody known has signed (CRL-INVALID);
    /// all lists of a series are past their nextUpdate and grace where stale lists are closed (CRL-EXPIRED); the only ones are
    /// not valid yet, by more than max_clock_skew (CRL-INVALID); and for certificates below the anchor, none where one is
    /// required (CRL-MISSING). A list that names its distribution point is the list of certificates that name the same one; what
    /// else it lists is revoked all the same.
    [[nodiscard]] RevocationOutcome check(const JudgedPath & judged) const;

    /// The same, certificate by certificate, up to the first that is refused.
    [[nodiscard]] std::vector<RevocationStep> explain(const JudgedPath & judged) const;

private:
    struct Step;
    struct Selection;
    RevocationLists();
    [[nodiscard]] std::vector<Step> steps_of(std::span<const openssl::Certificate> path) const;
    [[nodiscard]] SignerSearch search_of(const JudgedPath & judged) const;
    [[nodiscard]] bool is_revoked_directly(std::span<const openssl::Certificate> path) const;
    [[nodiscard]] const RevocationRule & rule_of(const openssl::Certificate & issuer) const;
    [[nodiscard]] Selection select(const Step & step, const SignerSearch & search, UnixTime at) const;
    [[nodiscard]] RevocationOutcome judge(const Step & step, const Selection & lists, UnixTime at) const;

    RevocationRules rules_;
    std::vector<Crl> lists_;
    std::vector<std::unique_ptr<const SignedList>> signed_;
    std::vector<std::pair<const X509 *, openssl::Certificate>> parents_; ///< anchor to the anchor that signed it
};

}
