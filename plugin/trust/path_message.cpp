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

/// An authorityKeyIdentifier with a serial number fits one certificate of the authority, and no renewed one (RFC 5280 4.2.1.1).
bool names_issuer_by_serial(const openssl::Certificate & certificate)
{
    return X509_get0_authority_serial(certificate.x509()) != nullptr;
}

/// Which date is written as DER forbids (RFC 5280 4.1.2.5: to the second, in UTC), as OpenSSL then says of no field; empty: none.
std::string bad_date(const openssl::Certificate & certificate)
{
    const auto defect = [](const char * name, const ASN1_TIME * time)
    {
        const std::string_view text(
            reinterpret_cast<const char *>(ASN1_STRING_get0_data(time)), static_cast<size_t>(ASN1_STRING_length(time)));
        const size_t length = ASN1_STRING_type(time) == V_ASN1_UTCTIME ? std::string_view("YYMMDDhhmmssZ").size()
                                                                       : std::string_view("YYYYMMDDhhmmssZ").size();
        const bool strict = text.size() == length && text.ends_with('Z');
        return strict ? std::string() : fmt::format("{} '{}'", name, printable(text, 64));
    };
    const std::string first = defect("notBefore", X509_get0_notBefore(certificate.x509()));
    return first.empty() ? defect("notAfter", X509_get0_notAfter(certificate.x509())) : first;
}

std::string unreadable(const Refusal & refusal)
{
    const std::string date = refusal.certificate == nullptr ? std::string() : bad_date(*refusal.certificate);
    if (!date.empty())
        return fmt::format(
            "{} has a date that is not written as it has to be, {}: it needs seconds and ends with Z; issue the certificate "
            "again",
            who(refusal), date);
    return fmt::format("{} has an extension or a field that cannot be read", who(refusal));
}

std::string unknown_issuer(const Refusal & refusal)
{
    if (refusal.certificate != nullptr
        && X509_NAME_cmp(X509_get_subject_name(refusal.certificate->x509()), X509_get_issuer_name(refusal.certificate->x509()))
               == 0)
        return fmt::format("{} is self-signed and not among the trusted authorities", who(refusal));
    if (refusal.issuer_name_known && refusal.certificate != nullptr && names_issuer_by_serial(*refusal.certificate))
        return fmt::format(
            "{} was issued by {}; an authority of that name is trusted, but the authorityKeyIdentifier asks for another one, by "
            "serial "
            "number or by key: issue the certificate again from the one that is trusted, and without issuer and serial number "
            "there "
            "(authorityKeyIdentifier=keyid), so that the authority can be renewed",
            who(refusal), issuer_of(refusal));
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
    if (refusal.lacks_policy)
        return "no certificate policy is valid on the whole path, and an authority of it demands one";
    switch (refusal.reason)
    {
    case Reason::resource:
        return fmt::format("{} and those above it have more names, name constraints or policies than are compared", who(refusal));
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
        return unreadable(refusal);
    default:
        break;
    }
    return fmt::format("{} was refused: {}", who(refusal), code(refusal.reason));
}

std::string came_furthest(const std::vector<openssl::Certificate> & path, size_t tried)
{
    std::string names;
    for (const openssl::Certificate & certificate : path)
        names += (names.empty() ? "" : " <- ") + shown_name(certificate);
    return fmt::format(" (path {}, which came furthest of {})", names, tried);
}

}
