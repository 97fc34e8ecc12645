#pragma once

// A small world for decisions: two authorities, a SPIFFE trust domain, and generations made by hand from them.

#include <stdexcept>

#include "generation/generation.h"
#include "pki/issue.h"
#include "policy/authorize.h"
#include "policy/verify.h"

namespace chmtls::test
{

template <typename T>
T must(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().describe());
    return std::move(*result);
}

template <typename T>
T must(Checked<T> result)
{
    if (!result)
        throw std::runtime_error(describe(result.error()));
    return std::move(*result);
}

inline pki::Spec leaf_spec(const std::string & common_name, std::vector<pki::AltName> alt_names = {})
{
    pki::Spec spec;
    spec.subject = {{"CN", common_name}};
    spec.alt_names = std::move(alt_names);
    return spec;
}

inline pki::Spec svid_spec(const std::string & id)
{
    pki::Spec spec;
    spec.subject = {};
    spec.san_critical = true;
    spec.alt_names = {{pki::AltName::Kind::uri, id}};
    return spec;
}

using Chain = std::vector<openssl::Certificate>;

inline std::vector<ByteView> views(const Chain & chain)
{
    std::vector<ByteView> views;
    for (const auto & certificate : chain)
        views.push_back(certificate.der());
    return views;
}

class World
{
public:
    const UnixTime now = system_time();
    const pki::Issued client_root = must(pki::self_signed(pki::Spec::authority("Client Root"), now));
    const pki::Issued server_root = must(pki::self_signed(pki::Spec::authority("Server Root"), now));
    const pki::Issued foreign_root = must(pki::self_signed(pki::Spec::authority("Foreign Root"), now));
    const pki::Issued domain_root = must(pki::self_signed(pki::Spec::authority("SPIFFE Root"), now));

    [[nodiscard]] pki::Issued client(const pki::Spec & spec) const { return must(pki::issue(spec, client_root, now)); }

    /// Both stores, no trust domain, two listeners, one that asks for nothing.
    [[nodiscard]] std::shared_ptr<generation::Generation> generation(uint64_t number = 1) const
    {
        auto made = std::make_shared<generation::Generation>();
        made->number = number;
        made->loaded_at = now;
        made->settings.enabled = true;
        made->settings.listeners = {
            {"tcp_port_secure", 9440, config::ClientCertificate::optional},
            {"https_port", 8443, config::ClientCertificate::required},
            {"interserver_https_port", 9010, config::ClientCertificate::none},
        };
        made->client_trust = must(trust::TrustStore::create({client_root.certificate}, {}, {}));
        made->server_trust = must(trust::TrustStore::create({server_root.certificate}, {}, {}));
        made->bundles = must(spiffe::BundleSet::create({}));
        made->rules = must(mapping::RuleSet::compile({}));
        made->users = must(mapping::ClickHouseUsers::compile({}));
        return made;
    }

    void add_trust_domain(generation::Generation & to, const std::string & name = "example.org") const
    {
        spiffe::Bundle bundle;
        bundle.trust_domain = name;
        bundle.authorities = {domain_root.certificate};
        to.settings.trust_domains.push_back({name, "bundle.json"});
        to.bundles = must(spiffe::BundleSet::create({bundle}));
    }

    [[nodiscard]] policy::PeerVerdict
    verify(const generation::Generation & by, const Chain & chain, policy::PeerQuery query) const
    {
        const auto ders = views(chain);
        query.chain = ders;
        return policy::verify_peer(by, query, now);
    }

    /// As a client of tcp_port_secure.
    [[nodiscard]] policy::PeerVerdict verify_client(const generation::Generation & by, const Chain & chain) const
    {
        return verify(by, chain, client_query());
    }

    static policy::PeerQuery client_query(std::string_view listener = "tcp_port_secure")
    {
        return {.role = policy::PeerRole::client, .listener = listener, .chain = {}, .expected_name = {}};
    }
    static policy::PeerQuery server_query(std::string_view expected_name = {})
    {
        return {.role = policy::PeerRole::server, .listener = {}, .chain = {}, .expected_name = expected_name};
    }
};

/// Certificates are costly to make and never change: one world for all tests of the executable.
inline const World & world()
{
    static const World one;
    return one;
}

}
