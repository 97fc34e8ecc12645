#include "policy/identity.h"

#include "base/error.h"

namespace chmtls::policy
{

Identity::Identity(JudgesMark /*mark*/, std::vector<openssl::Certificate> chain, const PeerQuery & query, Found found)
    : leaf(chain.front()), sent(std::move(chain)), path(std::move(found.path)), spiffe_id(std::move(found.spiffe_id)),
      trust_domain(std::move(found.trust_domain)), issuer_spki_sha256(found.issuer_spki_sha256), valid_until(found.valid_until),
      generation(found.generation), met(query)
{
    chain_.reserve(sent.size());
    for (const auto & certificate : sent)
        chain_.push_back(certificate.der());
}

PeerQuery Identity::question() const
{
    return {
        .role = met.role, .listener = met.listener, .chain = chain_, .expected_name = met.expected_name, .purpose = met.purpose};
}

mapping::Subject Identity::subject() const
{
    return {leaf.facts(), spiffe_id, trust_domain, issuer_spki_sha256};
}

namespace
{

std::string describe(const openssl::CertificateFacts & facts, const std::optional<std::string> & spiffe_id)
{
    constexpr size_t part_limit = 160;
    std::string shown = printable(facts.subject, part_limit);
    const auto & san = facts.san;
    std::string name;
    if (spiffe_id)
        name = *spiffe_id;
    else if (!san.dns.empty())
        name = "DNS:" + san.dns.front();
    else if (!san.uris.empty())
        name = "URI:" + san.uris.front();
    else if (!san.emails.empty())
        name = "EMAIL:" + san.emails.front();
    if (name.empty())
        return shown.empty() ? "serial " + facts.serial_hex : shown;
    if (!shown.empty())
        shown += ", ";
    return shown + printable(name, part_limit);
}

}

std::string Identity::describe() const
{
    return policy::describe(leaf.facts(), spiffe_id);
}

std::string describe_leaf(ByteView der)
{
    const auto leaf = openssl::Certificate::from_der(der);
    return leaf ? describe(leaf->facts(), std::nullopt) : "a certificate that cannot be read";
}

}
