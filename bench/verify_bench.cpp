// What the judgement of a peer's chain costs, side by side with OpenSSL alone.
//
//   openssl   the baseline: d2i_X509 of each certificate, then X509_verify_cert (purpose "client", depth 9), as a plain SSL_CTX
//   does new       the module, a chain that it has not seen in this generation; to reach: at most 1.15 x openssl seen      the
//   module, a chain that it has just seen; to reach: at most openssl / 50
//
// Arguments: kind of all keys of the chain (0 RSA-2048, 1 P-256, 2 Ed25519), intermediates sent (0 to 3).

#include <cstdlib>
#include <iostream>
#include <map>

#include <benchmark/benchmark.h>

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
constexpr std::array<const char *, 3> kind_names{"RSA-2048", "P-256", "Ed25519"};

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

void label(benchmark::State & state)
{
    state.SetLabel(kind_names.at(static_cast<size_t>(state.range(0))));
}

void openssl_alone(benchmark::State & state)
{
    const auto & setup = setup_for(state);
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
    label(state);
}

void new_chain(benchmark::State & state)
{
    auto & setup = setup_for(state);
    policy::Verifier verifier;
    const generation::GenerationPtr generation = setup.generation;
    for (auto _ : state)
    {
        ++setup.generation->number; // nothing remembered counts any more
        if (!verifier.verify(generation, setup.query(), setup.now).accepted())
            state.SkipWithError("the chain was refused");
    }
    label(state);
}

void seen_chain(benchmark::State & state)
{
    const auto & setup = setup_for(state);
    policy::Verifier verifier;
    const generation::GenerationPtr generation = setup.generation;
    benchmark::DoNotOptimize(verifier.verify(generation, setup.query(), setup.now));
    for (auto _ : state)
    {
        if (!verifier.verify(generation, setup.query(), setup.now).accepted())
            state.SkipWithError("the chain was refused");
    }
    label(state);
}

const std::vector<std::vector<int64_t>> arguments{{0, 1, 2}, {0, 1, 2, 3}};

BENCHMARK(openssl_alone)->Name("verify/openssl")->ArgsProduct(arguments);
BENCHMARK(new_chain)->Name("verify/new")->ArgsProduct(arguments);
BENCHMARK(seen_chain)->Name("verify/seen")->ArgsProduct(arguments);

}
