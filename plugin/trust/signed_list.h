#pragma once

// Whose list it is (RFC 5280 6.3.3 (f) and (g)): it is bound to its issuer's name, and to the anchor of the path that it is used
// for. Its issuer may have signed it with another key than the certificates: after a change of keys, or with a key for lists
// alone.

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "trust/anchors.h"
#include "trust/crl.h"

namespace chmtls::trust
{

/// What a list is to a path.
enum class Standing : uint8_t
{
    counts,
    other_authority, ///< one that is known here has signed it, and leads to another anchor
    may_not_sign,    ///< its signer's key usage lacks cRLSign
    unverified,      ///< no known key of that name has signed it
};

struct Judged
{
    Standing standing = Standing::unverified;
    const openssl::Certificate * signer = nullptr; ///< when it counts; borrowed from whoever holds it
};

/// Where to look for the signer of a list.
struct SignerSearch
{
    std::span<const openssl::Certificate> path; ///< validated: leaf ... anchor
    std::span<const openssl::Certificate> sent; ///< what came along with the leaf
    /// Is there a valid path from this certificate to the anchor?
    std::function<bool(const openssl::Certificate & signer, const openssl::Certificate & anchor)> leads_to;
};

/// Immutable after construction but for a remembered signature check; thread-safe, no lock.
class SignedList
{
public:
    SignedList(Crl list, const Anchors & known);
    SignedList(const SignedList &) = delete;
    SignedList & operator=(const SignedList &) = delete;
    ~SignedList();

    [[nodiscard]] const Crl & crl() const { return crl_; }
    /// Certificates of the store that bear its issuer's name and have signed it.
    [[nodiscard]] const std::vector<openssl::Certificate> & known_signers() const { return known_signers_; }
    [[nodiscard]] bool signed_by(const openssl::Certificate & signer) const;

    /// For certificates of `issuer` on a path that ends at `anchor`. Somebody whom only the peer shows may make a list count,
    /// never make it another authority's: who holds another authority's key could call any list his.
    [[nodiscard]] Judged
    judge(const openssl::Certificate & issuer, const openssl::Certificate & anchor, const SignerSearch & search) const;

private:
    [[nodiscard]] bool is_named_by(const openssl::Certificate & certificate) const;

    Crl crl_;
    std::vector<openssl::Certificate> known_signers_;
    mutable std::atomic<const Bytes *> other_key_{}; ///< the first key of nobody in the store that was seen to verify it
};

[[nodiscard]] bool same_key(const openssl::Certificate & left, const openssl::Certificate & right);

/// Is it a key for lists by its key usage? Yes where there is none.
[[nodiscard]] bool may_sign_lists(const openssl::Certificate & certificate);

}
