#include "credentials/credential.h"

#include <algorithm>

#include <fmt/format.h>

#include "credentials/server_name.h"
#include "openssl/chain.h"
#include "openssl/pem_blocks.h"

namespace chmtls::credentials
{

namespace
{

using openssl::Certificate;

// Above the leaf; OpenSSL's own default for a peer's verification.
constexpr size_t longest_completion = 9;

std::string named(const std::vector<Certificate> & chain, size_t index)
{
    const std::string & subject = chain[index].facts().subject;
    return fmt::format("certificate {} ({})", index + 1, subject.empty() ? "no subject" : printable(subject));
}

Error finding(const std::string & file, std::string field, std::string reason, std::string remedy, Reason code_of = Reason::parse)
{
    return {
        .file = file,
        .field = std::move(field),
        .reason = std::move(reason),
        .remedy = std::move(remedy),
        .code = std::string(code(code_of))};
}

/// Peers judge the leaf's dates without exception; what stands behind it they may not even look at (an expired cross-sign).
void check_dates(const CredentialSource & source, const std::vector<Certificate> & chain, Errors & errors)
{
    const auto & facts = chain.front().facts();
    if (source.now > facts.not_after)
        errors.push_back(finding(
            source.certificate_file, named(chain, 0), "expired at " + format_rfc3339(facts.not_after), "renew it",
            Reason::expired));
    else if (source.now < facts.not_before)
        errors.push_back(finding(
            source.certificate_file, named(chain, 0), "is not valid before " + format_rfc3339(facts.not_before),
            "check the clock of this host, or wait", Reason::not_yet_valid));
}

/// Which certificates lead upwards from the leaf, by their position.
std::vector<size_t> path_in(const std::vector<Certificate> & chain)
{
    std::vector<size_t> path{0};
    for (bool found = true; found && path.size() <= chain.size();)
    {
        found = false;
        for (size_t i = 1; i < chain.size() && !found; ++i)
        {
            found = std::find(path.begin(), path.end(), i) == path.end() && chain[i] != chain[path.back()]
                    && openssl::issued_by(chain[path.back()], chain[i]);
            if (found)
                path.push_back(i);
        }
    }
    return path;
}

/// A stock server sends the file as it is, and TLS peers pass over what they do not need (RFC 8446 4.4.2).
void warn_of_chain(const CredentialSource & source, const std::vector<Certificate> & chain, std::vector<std::string> & warnings)
{
    const auto warn = [&](const std::string & text)
    {
        warnings.push_back(fmt::format("{}: {}", printable(source.certificate_file, 1024), text));
    };
    if (chain.front().facts().basic_constraints.ca)
        warn(fmt::format(
            "{} is a CA certificate, which some peers refuse to connect to; issue one for this host with basicConstraints "
            "CA:FALSE",
            named(chain, 0)));
    const std::vector<size_t> path = path_in(chain);
    if (!std::is_sorted(path.begin(), path.end()))
        warn("the certificates are not in order, which some peers need: this host's first, then each one that signed the one "
             "before it");
    for (size_t i = 1; i < chain.size(); ++i)
    {
        const auto & facts = chain[i].facts();
        if (std::find(path.begin(), path.end(), i) == path.end())
            warn(fmt::format(
                "{} signs none of those before it; it is sent all the same, and peers have no use for it", named(chain, i)));
        else if (source.now > facts.not_after)
            warn(fmt::format(
                "{} expired at {}: peers that know no other way from the certificate before it refuse the connection",
                named(chain, i), format_rfc3339(facts.not_after)));
        else if (source.now < facts.not_before)
            warn(fmt::format("{} is not valid before {}", named(chain, i), format_rfc3339(facts.not_before)));
    }
}

void check_key(
    const CredentialSource & source, const std::vector<Certificate> & chain, const openssl::PrivateKey & key, Errors & errors)
{
    if (key.matches(chain.front()))
        return;
    const auto owner = std::find_if(chain.begin() + 1, chain.end(), [&](const Certificate & c) { return key.matches(c); });
    const std::string remedy
        = owner == chain.end()
              ? "use the key that the certificate was issued for, and replace both files together"
              : fmt::format("put {} first, the key belongs to it", named(chain, static_cast<size_t>(owner - chain.begin())));
    errors.push_back(finding(
        source.private_key_file, "private key",
        fmt::format("does not match {} of {}", named(chain, 0), printable(source.certificate_file, 1024)), remedy,
        Reason::signature));
}

/// Certificates that sign the leaf, from what the authorities' file holds, without the root (the peer has that or has not).
void complete(std::vector<Certificate> & chain, const CredentialSource & source)
{
    if (chain.size() != 1)
        return;
    while (chain.size() <= longest_completion)
    {
        const Certificate & last = chain.back();
        const auto signs_last = [&](const Certificate & candidate)
        {
            const auto & facts = candidate.facts();
            return source.now >= facts.not_before && source.now <= facts.not_after && facts.basic_constraints.ca
                   && std::find(chain.begin(), chain.end(), candidate) == chain.end() && openssl::issued_by(last, candidate);
        };
        const auto next = std::find_if(source.extra_chain.begin(), source.extra_chain.end(), signs_last);
        if (next == source.extra_chain.end() || openssl::is_self_signed(*next))
            return;
        chain.push_back(*next);
    }
}

uint64_t identify(const std::vector<Certificate> & chain)
{
    // The leaf names the public key, and the private key has been found to match it.
    Digester digester;
    for (const Certificate & certificate : chain)
        digester.add(certificate.der());
    const Digest32 digest = digester.finish();
    uint64_t id = 0;
    for (size_t i = 0; i < sizeof(id); ++i)
        id = id << 8 | digest[i];
    return id == 0 ? 1 : id;
}

std::vector<std::string> normal_names(const CredentialSource & source, Errors & errors)
{
    std::vector<std::string> names;
    for (const std::string & written : source.server_names)
    {
        auto name = normal_pattern(written);
        if (!name)
            errors.push_back(finding(
                source.certificate_file, "server name " + printable(written), "is no host name",
                "write a host name, or \"*.\" before one, in its ASCII form"));
        else if (std::find(names.begin(), names.end(), *name) == names.end())
            names.push_back(std::move(*name));
    }
    return names;
}

void warn_of_key_file(const CredentialSource & source, std::vector<std::string> & warnings)
{
    const mode_t open_to = source.private_key_facts.mode & 0077u;
    if (open_to == 0)
        return;
    const std::string path = printable(source.private_key_file, 1024);
    warnings.push_back(fmt::format(
        "{}: the private key is open to {} (mode {:04o}); run chmod 0600 {}", path,
        (open_to & 0007u) != 0 ? "every user of this host" : "its group", source.private_key_facts.mode & 07777u, path));
}

void warn_of_leaf(
    const CredentialSource & source, const Certificate & leaf, const std::vector<std::string> & server_names,
    std::vector<std::string> & warnings)
{
    const auto & facts = leaf.facts();
    const auto warn = [&](const std::string & text)
    {
        warnings.push_back(fmt::format("{}: {}", printable(source.certificate_file, 1024), text));
    };
    if (facts.key_usage.present && !facts.key_usage.has(KU_DIGITAL_SIGNATURE))
        warn("the certificate's key usage lacks digitalSignature; TLS 1.3 peers will refuse it");
    const auto & purposes = facts.extended_key_usage;
    if (purposes.present && !purposes.server_auth && !purposes.client_auth && !purposes.any)
        warn("the certificate's extended key usage allows neither server nor client authentication; peers will refuse it");
    for (const std::string & name : server_names)
        if (std::none_of(facts.san.dns.begin(), facts.san.dns.end(), [&](const std::string & san) { return covers(san, name); }))
            warn(fmt::format("the certificate does not name {}, which it is served for; clients will refuse it", name));
}

}

Checked<LoadedCredential> load_credential(const CredentialSource & source)
{
    Errors errors;
    auto chain = openssl::certificates_from_pem_or_der(source.certificate_pem, source.certificate_file);
    auto key = openssl::PrivateKey::from_pem(source.private_key_pem, source.private_key_file, source.passphrase);
    std::vector<std::string> names = normal_names(source, errors);
    if (!chain)
        errors.push_back(std::move(chain.error()));
    else if (chain->empty())
        errors.push_back(finding(
            source.certificate_file, {}, "holds no certificate", "write the certificate in PEM form", Reason::no_certificate));
    if (!key)
        errors.push_back(std::move(key.error()));
    if (chain && !chain->empty())
    {
        check_dates(source, *chain, errors);
        if (key)
            check_key(source, *chain, *key, errors);
    }
    if (!errors.empty())
        return tl::unexpected(std::move(errors));

    LoadedCredential loaded;
    warn_of_key_file(source, loaded.warnings);
    warn_of_leaf(source, chain->front(), names, loaded.warnings);
    warn_of_chain(source, *chain, loaded.warnings);
    complete(*chain, source);
    loaded.credential = std::make_shared<const Credential>(
        Credential{.id = identify(*chain), .chain = std::move(*chain), .key = std::move(*key), .server_names = std::move(names)});
    return loaded;
}

}
