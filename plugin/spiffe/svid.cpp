#include "spiffe/svid.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"

namespace chmtls::spiffe
{

namespace
{

using openssl::Certificate;
using openssl::CertificateFacts;

struct Defect
{
    Reason reason;
    std::string message;
};

SvidVerdict refuse(Reason reason, std::string message, size_t depth = 0)
{
    SvidVerdict verdict;
    verdict.path.reason = reason;
    verdict.path.message = std::move(message);
    verdict.path.depth = depth;
    return verdict;
}

bool has_spiffe_scheme(std::string_view uri)
{
    static constexpr std::string_view scheme = "spiffe:";
    return equal_ignoring_case(uri.substr(0, scheme.size()), scheme);
}

/// Exactly one URI SAN, and a SPIFFE ID in it (X509-SVID 2 and 5.2), but for the root path, which waits until it is known that
/// this is no signing certificate.
tl::expected<Id, Defect> read_id(const CertificateFacts & leaf)
{
    const auto & uris = leaf.san.uris;
    if (uris.empty())
        return tl::unexpected(Defect{Reason::uri_none, "the certificate has no URI SAN, so it carries no SPIFFE ID"});
    if (uris.size() > 1)
        return tl::unexpected(
            Defect{Reason::uri_many, fmt::format("the certificate has {} URI SANs instead of exactly one", uris.size())});
    const std::string & uri = uris.front();
    if (uri.find('\0') != std::string::npos)
        return tl::unexpected(Defect{Reason::id_nul, fmt::format("the URI SAN {} holds a NUL", printable(uri))});
    auto id = Id::parse(uri);
    if (!id)
        return tl::unexpected(Defect{
            reason_of(id.error()), fmt::format("the URI SAN {} is no SPIFFE ID: {}", printable(uri), message(id.error()))});
    return *id;
}

/// What a leaf must and must not say of itself (X509-SVID 3.1, 4.1, 4.3, 4.4).
std::optional<Defect> leaf_defect(const CertificateFacts & leaf, const Id & id)
{
    if (leaf.basic_constraints.ca)
        return Defect{Reason::leaf_ca, "a signing certificate (basic constraints cA) must not authenticate"};
    const openssl::KeyUsage & usage = leaf.key_usage;
    if (usage.has(KU_KEY_CERT_SIGN) || usage.has(KU_CRL_SIGN))
        return Defect{Reason::leaf_key_usage, "the key usage of a leaf must not allow signing certificates or CRLs"};
    if (!usage.present)
        return Defect{Reason::leaf_key_usage, "the certificate has no key usage"};
    if (!usage.critical)
        return Defect{Reason::leaf_key_usage, "the key usage is not critical"};
    if (!usage.has(KU_DIGITAL_SIGNATURE))
        return Defect{Reason::leaf_key_usage, "the key usage lacks digitalSignature"};
    const openssl::ExtendedKeyUsage & extended = leaf.extended_key_usage;
    if (extended.present && !(extended.server_auth && extended.client_auth))
        return Defect{Reason::leaf_extended_key_usage, "the extended key usage must hold both serverAuth and clientAuth"};
    if (id.path().empty())
        return Defect{Reason::id_root_path, fmt::format("{} has no path, so it names a trust domain and no workload", id.text())};
    if (leaf.subject_empty && !leaf.san.critical)
        return Defect{Reason::san_critical, "the subject is empty and the subject alternative name is not critical"};
    return std::nullopt;
}

/// The ID of a signing certificate that the peer sent: none, or one without a path (X509-SVID 3.2).
std::optional<Defect> signer_id_defect(const CertificateFacts & signer)
{
    const auto & uris = signer.san.uris;
    if (uris.size() > 1)
        return Defect{Reason::signer_id, "has more than one URI SAN"};
    if (uris.empty() || !has_spiffe_scheme(uris.front()))
        return std::nullopt;
    std::string_view uri = uris.front();
    auto id = Id::parse(uri);
    if (!id && id.error() == IdDefect::trailing_slash)
    {
        uri.remove_suffix(1); // TDB appendix A shows a lone slash behind the trust domain
        id = Id::parse(uri);
    }
    if (!id)
        return Defect{Reason::signer_id, fmt::format("has a malformed SPIFFE ID: {}", message(id.error()))};
    if (!id->path().empty())
        return Defect{Reason::signer_id, fmt::format("has the SPIFFE ID {}, with a path", id->text())};
    return std::nullopt;
}

/// Signing certificates (X509-SVID 3.2, 4.1, 4.3) of a path that OpenSSL has accepted, so that a key usage, where there is one,
/// has keyCertSign. Authorities of the bundle are trusted as they are but for cA: the operator chose them, and SPIRE's and
/// go-spiffe's own are without key usage at times.
std::optional<std::pair<size_t, Defect>> signer_defect(const std::vector<Certificate> & path)
{
    for (size_t i = 1; i < path.size(); ++i)
    {
        const CertificateFacts & signer = path[i].facts();
        const auto refuse_signer = [&](Reason reason, std::string_view what)
        {
            return std::pair{i, Defect{reason, fmt::format("authority {} {}", printable(signer.subject, 1024), what)}};
        };
        if (!signer.basic_constraints.ca)
            return refuse_signer(Reason::signer_ca, "is no certificate authority by its basic constraints");
        if (i + 1 == path.size())
            continue;
        if (!signer.key_usage.present || !signer.key_usage.critical)
            return refuse_signer(Reason::signer_key_usage, "lacks a critical key usage");
        if (const auto defect = signer_id_defect(signer))
            return refuse_signer(defect->reason, defect->message);
    }
    return std::nullopt;
}

/// Some other trust domain whose bundle does verify this chain: what tells a foreign authority from an unknown one.
std::optional<std::string> other_trust_domain(const BundleSet & bundles, const Id & id, const trust::TrustStore::Query & query)
{
    for (const Bundle & bundle : bundles.bundles())
    {
        if (bundle.trust_domain == id.trust_domain())
            continue;
        const trust::TrustStore * store = bundles.find(bundle.trust_domain);
        if (store != nullptr && store->names_an_issuer_of(query.leaf, query.intermediates) && store->verify(query).accepted())
            return bundle.trust_domain;
    }
    return std::nullopt;
}

bool may_be_foreign(Reason reason)
{
    return reason == Reason::unknown_ca || reason == Reason::self_signed || reason == Reason::signature;
}

}

bool claims_spiffe(const CertificateFacts & leaf)
{
    return std::ranges::any_of(leaf.san.uris, has_spiffe_scheme);
}

SvidVerdict verify_svid(
    const BundleSet & bundles, const Certificate & leaf, std::span<const Certificate> intermediates, UnixTime at, size_t depth,
    std::vector<trust::RevocationStep> * revocation)
{
    const CertificateFacts & facts = leaf.facts();
    auto id = read_id(facts);
    if (!id)
        return refuse(id.error().reason, std::move(id.error().message));
    if (auto defect = leaf_defect(facts, *id))
        return refuse(defect->reason, std::move(defect->message));

    const trust::TrustStore * store = bundles.find(id->trust_domain());
    if (store == nullptr || store->empty())
        return refuse(
            Reason::trust_domain_no_bundle, fmt::format(
                                                "trust domain {} of {} has {}", id->trust_domain(), id->text(),
                                                store == nullptr ? "no bundle here" : "a bundle without authorities"));

    // Purpose any: the leaf's own extended key usage is judged above, and that of its signers must not narrow it (X509-SVID 4.4).
    const trust::TrustStore::Query query{
        .leaf = leaf,
        .intermediates = intermediates,
        .purpose = trust::Purpose::any,
        .depth = depth,
        .at = at,
        .revocation = revocation};
    SvidVerdict verdict{.path = store->verify(query), .id = std::nullopt};
    if (!verdict.accepted())
    {
        if (!may_be_foreign(verdict.path.reason))
            return verdict;
        trust::TrustStore::Query without_steps = query;
        without_steps.revocation = nullptr;
        if (const auto other = other_trust_domain(bundles, *id, without_steps))
            return refuse(
                Reason::trust_domain_binding,
                fmt::format("{} is signed by an authority of trust domain {}, not of its own", id->text(), *other));
        return verdict;
    }
    if (verdict.path.path.size() < 2)
        return refuse(Reason::unknown_ca, fmt::format("{} is itself in the bundle, but no authority has signed it", id->text()));
    if (auto defect = signer_defect(verdict.path.path))
        return refuse(defect->second.reason, std::move(defect->second.message), defect->first);
    verdict.id = std::move(*id);
    return verdict;
}

}
