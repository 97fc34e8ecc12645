// What the judgement of a peer's chain costs, side by side with OpenSSL alone.
//
//   openssl   the baseline: d2i_X509 of each certificate, then X509_verify_cert (purpose "client", depth 9), as a plain SSL_CTX
//   does new       the module, a chain that it has not seen in this generation; to reach: at most 1.15 x openssl seen      the
//   module, a chain that it has just seen; to reach: at most openssl / 50
//
// Arguments: kind of all keys of the chain (0 RSA-2048, 1 P-256, 2 Ed25519), intermediates sent (0 to 3).
//
// domains_…: an X.509-SVID where so many trust domains are known; the baseline has all their authorities in one store, and with
// that none of the separation. crl_…: a list with so many entries; the baseline checks it by X509_V_FLAG_CRL_CHECK.

#include <cstdlib>
#include <iostream>
#include <map>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "pki/issue.h"
#include "policy/verify.h"

namespace
{

using namespace chmtls;

template <typename T>
T must(T result)
{
    if (!result)
    {
        std::cerr << "cannot prepare the benchmark\n";
        std::abort();
    }
    return result;
}

constexpr std::array<pki::KeyKind, 3> kinds{pki::KeyKind::rsa_2048, pki::KeyKind::ec_p256, pki::KeyKind::ed25519};

struct Setup
{
    openssl::X509StorePtr store; ///< for the baseline
    std::shared_ptr<generation::Generation> generation;
    std::vector<openssl::Certificate> sent;
    std::vector<ByteView> ders;
    UnixTime now = system_time();

    [[nodiscard]] policy::PeerQuery query() const
    {
        return {.role = policy::PeerRole::client, .listener = "tcp_port_secure", .chain = ders, .expected_name = {}};
    }
};

Setup make(pki::KeyKind kind, int64_t intermediates)
{
    auto authority = pki::Spec::authority("Bench Root");
    authority.key = kind;
    auto issuer = *must(pki::self_signed(authority));
    Setup setup;
    setup.store.reset(X509_STORE_new());
    X509_STORE_add_cert(setup.store.get(), issuer.certificate.x509());
    setup.generation = std::make_shared<generation::Generation>();
    setup.generation->number = 1;
    setup.generation->settings.listeners = {{"tcp_port_secure", 9440, config::ClientCertificate::required}};
    setup.generation->client_trust = *must(trust::TrustStore::create({issuer.certificate}, {}, {}));
    setup.generation->bundles = *must(spiffe::BundleSet::create({}));

    for (int64_t i = 0; i < intermediates; ++i)
    {
        authority.subject = {{"CN", "Bench Intermediate " + std::to_string(i)}};
        issuer = *must(pki::issue(authority, issuer));
        setup.sent.insert(setup.sent.begin(), issuer.certificate);
    }
    pki::Spec leaf;
    leaf.subject = {{"O", "Example"}, {"CN", "client"}};
    leaf.key = kind;
    leaf.alt_names = {{pki::AltName::Kind::dns, "client.example.org"}};
    setup.sent.insert(setup.sent.begin(), must(pki::issue(leaf, issuer))->certificate);
    for (const auto & certificate : setup.sent)
        setup.ders.push_back(certificate.der());
    return setup;
}

Setup & setup_for(const benchmark::State & state)
{
    static std::map<std::pair<int64_t, int64_t>, Setup> made;
    const std::pair key{state.range(0), state.range(1)};
    const auto found = made.find(key);
    if (found != made.end())
        return found->second;
    return made.emplace(key, make(kinds.at(static_cast<size_t>(key.first)), key.second)).first->second;
}

/// A directly issued SVID, and the authorities of so many trust domains.
Setup make_domains(int64_t domains)
{
    Setup setup;
    setup.store.reset(X509_STORE_new());
    setup.generation = std::make_shared<generation::Generation>();
    setup.generation->number = 1;
    setup.generation->settings.listeners = {{"tcp_port_secure", 9440, config::ClientCertificate::required}};
    std::vector<spiffe::Bundle> bundles;
    for (int64_t i = 0; i < domains; ++i)
    {
        const auto authority = *must(pki::self_signed(pki::Spec::authority("Root " + std::to_string(i))));
        X509_STORE_add_cert(setup.store.get(), authority.certificate.x509());
        const std::string name = "domain-" + std::to_string(i) + ".example";
        bundles.push_back(
            {.trust_domain = name, .authorities = {authority.certificate}, .sequence = {}, .refresh_hint = {}, .notes = {}});
        if (i != domains / 2)
            continue;
        pki::Spec leaf;
        leaf.alt_names = {{pki::AltName::Kind::uri, "spiffe://" + name + "/ns/prod/sa/api"}};
        setup.sent = {must(pki::issue(leaf, authority))->certificate};
    }
    setup.generation->bundles = *must(spiffe::BundleSet::create(std::move(bundles)));
    setup.ders = {setup.sent.front().der()};
    return setup;
}

/// A leaf below an authority that has revoked so many others.
Setup make_revoking(int64_t entries)
{
    const auto root = *must(pki::self_signed(pki::Spec::authority("Bench Root")));
    pki::CrlSpec spec;
    spec.revoked.reserve(static_cast<size_t>(entries));
    for (int64_t i = 0; i < entries; ++i)
        spec.revoked.push_back({.serial_hex = fmt::format("{:08x}", i + 1)});
    const auto crl = must(pki::issue_crl(spec, root));
    const auto lists = must(trust::Crl::parse(*crl, "bench"));

    Setup setup;
    setup.store.reset(X509_STORE_new());
    X509_STORE_add_cert(setup.store.get(), root.certificate.x509());
    X509_STORE_add_crl(setup.store.get(), lists->front().get());
    X509_STORE_set_flags(setup.store.get(), X509_V_FLAG_CRL_CHECK);
    setup.generation = std::make_shared<generation::Generation>();
    setup.generation->number = 1;
    setup.generation->settings.listeners = {{"tcp_port_secure", 9440, config::ClientCertificate::required}};
    setup.generation->client_trust = *must(trust::TrustStore::create({root.certificate}, *lists, {}));
    setup.generation->bundles = *must(spiffe::BundleSet::create({}));
    pki::Spec leaf;
    leaf.subject = {{"CN", "client"}};
    setup.sent = {must(pki::issue(leaf, root))->certificate};
    setup.ders = {setup.sent.front().der()};
    return setup;
}

template <Setup (*make_one)(int64_t)>
Setup & made_for(const benchmark::State & state)
{
    static std::map<int64_t, Setup> made;
    const auto found = made.find(state.range(0));
    return found != made.end() ? found->second : made.emplace(state.range(0), make_one(state.range(0))).first->second;
}

template <Setup & (*setup_of)(const benchmark::State &)>
void openssl_alone(benchmark::State & state)
{
    const auto & setup = setup_of(state);
    for (auto _ : state)
    {
        openssl::OwnedCertificateStack untrusted(sk_X509_new_null());
        openssl::X509Ptr leaf;
        for (const auto & der : setup.ders)
        {
            const unsigned char * at = der.data();
            openssl::X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
            if (leaf == nullptr)
                leaf = std::move(certificate);
            else
                sk_X509_push(untrusted.get(), certificate.release());
        }
        openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
        X509_STORE_CTX_init(context.get(), setup.store.get(), leaf.get(), untrusted.get());
        X509_STORE_CTX_set_default(context.get(), "ssl_client");
        X509_STORE_CTX_set_depth(context.get(), 9);
        if (X509_verify_cert(context.get()) != 1)
            state.SkipWithError("the chain was refused");
    }
}

template <Setup & (*setup_of)(const benchmark::State &)>
void new_chain(benchmark::State & state)
{
    auto & setup = setup_of(state);
    policy::Verifier verifier;
    const generation::GenerationPtr generation = setup.generation;
    for (auto _ : state)
    {
        ++setup.generation->number; // nothing remembered counts any more
        if (!verifier.verify(generation, setup.query(), setup.now).accepted())
            state.SkipWithError("the chain was refused");
    }
}

template <Setup & (*setup_of)(const benchmark::State &)>
void seen_chain(benchmark::State & state)
{
    const auto & setup = setup_of(state);
    policy::Verifier verifier;
    const generation::GenerationPtr generation = setup.generation;
    benchmark::DoNotOptimize(verifier.verify(generation, setup.query(), setup.now));
    for (auto _ : state)
    {
        if (!verifier.verify(generation, setup.query(), setup.now).accepted())
            state.SkipWithError("the chain was refused");
    }
}

const std::vector<std::vector<int64_t>> arguments{{0, 1, 2}, {0, 1, 2, 3}};

BENCHMARK(openssl_alone<setup_for>)->Name("verify/openssl")->ArgsProduct(arguments);
BENCHMARK(new_chain<setup_for>)->Name("verify/new")->ArgsProduct(arguments);
BENCHMARK(seen_chain<setup_for>)->Name("verify/seen")->ArgsProduct(arguments);

BENCHMARK(openssl_alone<made_for<make_domains>>)->Name("verify/domains_openssl")->RangeMultiplier(10)->Range(1, 1000);
BENCHMARK(new_chain<made_for<make_domains>>)->Name("verify/domains_new")->RangeMultiplier(10)->Range(1, 1000);
BENCHMARK(seen_chain<made_for<make_domains>>)->Name("verify/domains_seen")->RangeMultiplier(10)->Range(1, 1000);

BENCHMARK(openssl_alone<made_for<make_revoking>>)->Name("verify/crl_openssl")->RangeMultiplier(100)->Range(1, 1'000'000);
BENCHMARK(new_chain<made_for<make_revoking>>)->Name("verify/crl_new")->RangeMultiplier(100)->Range(1, 1'000'000);
BENCHMARK(seen_chain<made_for<make_revoking>>)->Name("verify/crl_seen")->RangeMultiplier(100)->Range(1, 1'000'000);

}
