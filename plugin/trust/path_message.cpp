#include "trust/path_message.h"

#include <fmt/format.h>

namespace chmtls::trust
{

namespace
{

constexpr size_t name_limit = 1024;

std::string who(const Refusal & refusal)
{
    if (refusal.certificate == nullptr)
        return refusal.depth == 0 ? "the certificate" : "an authority of the chain";
    return fmt::format("{} {}", refusal.depth == 0 ? "certificate of" : "authority", shown_name(*refusal.certificate));
}

std::string issuer_of(const Refusal & refusal)
{
    if (refusal.certificate == nullptr)
        return "its issuer";
    return printable(refusal.certificate->facts().issuer, name_limit);
}

std::string unknown_issuer(const Refusal & refusal)
{
    if (refusal.certificate != nullptr
        && X509_NAME_cmp(X509_get_subject_name(refusal.certificate->x509()), X509_get_issuer_name(refusal.certificate->x509()))
               == 0)
        return fmt::format("{} is self-signed and not among the trusted authorities", who(refusal));
    if (refusal.issuer_name_known)
        return fmt::format(
            "{} was issued by {}; an authority of that name is trusted, but with another key", who(refusal), issuer_of(refusal));
    return fmt::format(
        "{} was issued by {}, which is neither trusted nor among the certificates sent", who(refusal), issuer_of(refusal));
}

}

std::string shown_name(const openssl::Certificate & certificate)
{
    const openssl::CertificateFacts & facts = certificate.facts();
    if (!facts.subject_empty)
        return printable(facts.subject, name_limit);
    for (const auto * names : {&facts.san.uris, &facts.san.dns, &facts.san.emails})
    {
        if (!names->empty())
            return printable(names->front(), name_limit);
    }
    return "serial " + facts.serial_hex;
}

std::string message_of(const Refusal & refusal)
{
    const auto facts = [&]
    {
        return refusal.certificate->facts();
    };
    switch (refusal.reason)
    {
    case Reason::expired:
        if (refusal.certificate == nullptr)
            break;
        return fmt::format("{} expired {}", who(refusal), format_rfc3339(facts().not_after));
    case Reason::not_yet_valid:
        if (refusal.certificate == nullptr)
            break;
        return fmt::format("{} is not valid before {}", who(refusal), format_rfc3339(facts().not_before));
    case Reason::signature:
        return fmt::format("the signature of {} does not verify with the key of {}", who(refusal), issuer_of(refusal));
    case Reason::unknown_ca:
        return unknown_issuer(refusal);
    case Reason::self_signed:
        return fmt::format("{} is self-signed and not among the trusted authorities", who(refusal));
    case Reason::depth:
        return fmt::format("the chain has more than {} signing certificates below a trusted one", refusal.depth_limit);
    case Reason::path_length:
        return fmt::format("{} stands above more signing certificates than its path length allows", who(refusal));
    case Reason::signer_ca:
        return fmt::format("{} signs certificates without being a certificate authority", who(refusal));
    case Reason::signer_key_usage:
        return fmt::format("{} signs certificates, which its key usage does not allow", who(refusal));
    case Reason::name_constraint:
        return fmt::format("a name of {} lies outside what an authority above it may certify", who(refusal));
    case Reason::purpose:
        return fmt::format("{} may not be used for this side of TLS (key usage or extended key usage)", who(refusal));
    case Reason::critical_extension:
        return fmt::format("{} has a critical extension that is not known", who(refusal));
    case Reason::weak:
        return fmt::format(
            "{} has a key or a signature below the security level{}", who(refusal),
            refusal.certificate == nullptr ? std::string{}
                                           : fmt::format(" ({}, {})", facts().public_key, facts().signature_algorithm));
    case Reason::parse:
        return fmt::format("{} has an extension or a field that cannot be read", who(refusal));
    default:
        break;
    }
    return fmt::format("{} was refused: {}", who(refusal), code(refusal.reason));
}

}
