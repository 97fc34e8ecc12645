#include "cli/input.h"

#include <optional>

#include "base/file.h"
#include "openssl/pem_blocks.h"
#include "spiffe/id.h"

namespace chmtls::cli
{

Result<PeerChain> read_peer_chain(const std::string & path)
{
    auto content = read_file(path);
    if (!content)
        return fail(content.error());

    const std::string_view text = as_text(content->bytes);
    if (text.find("-----BEGIN ") == std::string_view::npos)
        return fail({
            .file = path,
            .field = {},
            .reason = "holds no PEM block",
            .remedy = "give a PEM file with the leaf certificate first",
            .code = "PEM",
        });

    auto certificates = openssl::certificates_from_pem(content->bytes, path);
    if (!certificates)
        return PeerChain{.certificates = {}, .defect = std::move(certificates.error())};
    return PeerChain{.certificates = std::move(*certificates), .defect = std::nullopt};
}

Result<std::vector<openssl::Certificate>> read_authorities(const std::vector<std::string> & paths)
{
    std::vector<openssl::Certificate> all;
    for (const std::string & path : paths)
    {
        auto content = read_file(path);
        if (!content)
            return fail(content.error());
        auto certificates = openssl::certificates_from_pem_or_der(content->bytes, path);
        if (!certificates)
            return fail(certificates.error());
        all.insert(all.end(), certificates->begin(), certificates->end());
    }
    return all;
}

Result<std::vector<trust::Crl>> read_crls(const std::vector<std::string> & paths)
{
    std::vector<trust::Crl> all;
    for (const std::string & path : paths)
    {
        auto content = read_file(path);
        if (!content)
            return fail(content.error());
        auto crls = trust::Crl::parse(content->bytes, path);
        if (!crls)
            return fail(crls.error());
        all.insert(all.end(), crls->begin(), crls->end());
    }
    return all;
}

Result<UnixTime> moment(const std::string & at)
{
    if (at.empty())
        return system_time();
    return parse_rfc3339(at);
}

Result<std::string> trust_domain_name(const std::string & text, const std::string & option)
{
    auto name = spiffe::parse_trust_domain(text);
    if (!name)
        return fail({
            .file = {},
            .field = option,
            .reason = "'" + printable(text, 64) + "' is no trust domain name: " + std::string(spiffe::message(name.error())),
            .remedy = "give a name such as example.org",
            .code = std::string(spiffe::code(name.error())),
        });
    return std::move(*name);
}

Result<NamedFile> trust_domain_option(const std::string & text)
{
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals + 1 == text.size())
        return fail({
            .file = {},
            .field = "--trust-domain",
            .reason = "'" + printable(text, 64) + "' is not NAME=BUNDLE",
            .remedy = "write for example --trust-domain example.org=bundle.json",
            .code = {},
        });
    auto name = trust_domain_name(text.substr(0, equals), "--trust-domain");
    if (!name)
        return fail(name.error());
    return NamedFile{.name = std::move(*name), .file = text.substr(equals + 1)};
}

}
