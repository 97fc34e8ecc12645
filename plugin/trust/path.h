#pragma once

// RFC 5280 path validation by OpenSSL: whom we believe, for what, when.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "openssl/certificate.h"
#include "trust/crl.h"
#include "trust/revocation.h"

namespace chmtls::trust
{

enum class Purpose
{
    client_auth, ///< the peer is a TLS client
    server_auth,
    any,
};

/// A chain as judged.
struct PathVerdict
{
    Reason reason = Reason::internal;
    std::string message;                    ///< for a person: which certificate (subject, depth), what, until when
    size_t depth = 0;                       ///< of the certificate at fault, 0 = leaf
    std::vector<openssl::Certificate> path; ///< leaf ... anchor; only when accepted
    UnixTime valid_until{};                 ///< earliest notAfter of the path and nextUpdate of the CRLs used; only when accepted

    [[nodiscard]] bool accepted() const { return reason == Reason::valid; }
};

/// Anchors and CRLs of one purpose. Immutable and thread-safe after construction; cheap to share.
class TrustStore
{
public:
    struct Options
    {
        /// Every anchor may end a path (X509_V_FLAG_PARTIAL_CHAIN), as in trust bundles. Without it only those that are
        /// self-signed, and those that OpenSSL's own trust settings (TRUSTED CERTIFICATE) call trusted for the use; the others
        /// complete paths.
        bool partial_chain = true;
        RevocationRules revocation{}; ///< how lists count
        int security_level = 1;       ///< OpenSSL's (SSL_CTX_set_security_level(3)), for keys and signatures of the path
    };

    /// Anchors as given, whatever they say of themselves; duplicates count once. CRLs whose issuer is an anchor are checked for
    /// their signature; a wrong one is an error that names the CRL.
    [[nodiscard]] static Checked<std::shared_ptr<const TrustStore>>
    create(std::vector<openssl::Certificate> anchors, std::vector<Crl> crls, Options options);

    ~TrustStore();
    [[nodiscard]] const std::vector<openssl::Certificate> & anchors() const;
    [[nodiscard]] const std::vector<Crl> & crls() const;
    [[nodiscard]] bool empty() const; ///< no anchor at all: nothing verifies

    struct Query
    {
        const openssl::Certificate & leaf;
        std::span<const openssl::Certificate> intermediates; ///< as the peer sent them, never anchors
        Purpose purpose = Purpose::any;
        /// At most this many signing certificates between the leaf and the anchor that ends the path; neither of the two counts.
        /// That is OpenSSL's meaning of a verification depth, hence of verificationDepth (X509_VERIFY_PARAM_set_depth).
        size_t depth = 9;
        UnixTime at;
        /// Where to put how revocation was judged; null: nobody asks. Emptied by each path that is tried.
        std::vector<RevocationStep> * revocation = nullptr;
    };

    /// By the path that OpenSSL builds; when that is refused, and not for a fault of the leaf itself, by every other path that
    /// the certificates sent and the authorities allow, in whatever order they were sent. OpenSSL verifies each. The search is
    /// bounded by counted work: beyond it the answer is RESOURCE. A refusal is about the path that came furthest. Policies are
    /// processed where they are critical or demanded, with the initial set anyPolicy (RFC 5280 6.1). A certificate on the path
    /// that a list of its issuer names is REVOKED; whether the lack of a list or one that is past its nextUpdate is a failure
    /// (CRL-MISSING, CRL-EXPIRED) is what Options::revocation says. What is below Options::security_level is WEAK: at level 1 RSA
    /// and DH keys under 1024 bits, curves under 160 bits, and MD5 or SHA-1 signatures below the anchor; at level 2, the default
    /// of Debian's OpenSSL, RSA under 2048 bits and curves under 224 bits. The second of notAfter is still valid (RFC 5280
    /// 4.1.2.5). Thread-safe; no I/O, no lock.
    [[nodiscard]] PathVerdict verify(const Query & query) const;

    /// Has any anchor the name of an issuer of these certificates? Cheap; says nothing about signatures.
    [[nodiscard]] bool
    names_an_issuer_of(const openssl::Certificate & leaf, std::span<const openssl::Certificate> intermediates) const;

private:
    class Impl;
    explicit TrustStore(std::unique_ptr<const Impl> impl);
    std::unique_ptr<const Impl> impl_;
};

/// Our reason for an X509_V_ERR_* code, given the depth it was found at. The one table.
[[nodiscard]] Reason reason_of_x509_error(int error, size_t depth);

/// Does the leaf of a validated path (leaf ... anchor) prove this name? RFC 6125 / RFC 9525: DNS SAN with a left-most whole-label
/// wildcard, IP SAN for addresses, never the CN. The name that a wildcard stands for must itself be one that the authorities
/// above may certify (name constraints, RFC 5280 4.2.1.10). `name` is "dns:host", "ip:address", or bare (decided by its form).
[[nodiscard]] bool proves_name(std::span<const openssl::Certificate> path, const std::string & name);

}
