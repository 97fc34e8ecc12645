// What a revocation list costs when it is loaded, by its entries.
//
//   crl/load/N      a DER list is parsed, its signature is checked, and a store that judges by it is made; the counter
//                   bytes_in_memory is what one more store of that kind takes
//   crl/openssl/N   the baseline: d2i_X509_CRL and X509_CRL_verify

#include <stdexcept>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <openssl/x509.h>

#include "pki/issue.h"
#include "trust/path.h"

namespace
{

using namespace chmtls;

struct Input
{
    pki::Issued root;
    Bytes list;
};

template <typename T>
T must(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().describe());
    return std::move(*result);
}

Input make(int64_t entries)
{
    auto root = must(pki::self_signed(pki::Spec::authority("Bench Root")));
    pki::CrlSpec spec;
    spec.revoked.reserve(static_cast<size_t>(entries));
    for (int64_t i = 0; i < entries; ++i)
        spec.revoked.push_back({.serial_hex = fmt::format("{:032x}", i + 1)});
    auto list = must(pki::issue_crl(spec, root));
    return {std::move(root), std::move(list)};
}

std::shared_ptr<const trust::TrustStore> load(const Input & input)
{
    auto store = trust::TrustStore::create({input.root.certificate}, must(trust::Crl::parse(input.list, "bench")), {});
    if (!store)
        throw std::runtime_error(describe(store.error()));
    return std::move(*store);
}

void ours(benchmark::State & state)
{
    const Input input = make(state.range(0));
    const size_t before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
    {
        const auto store = load(input);
        state.counters["bytes_in_memory"] = static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd - before);
    }
    for (auto _ : state)
        benchmark::DoNotOptimize(load(input));
}

void openssl_alone(benchmark::State & state)
{
    const Input input = make(state.range(0));
    for (auto _ : state)
    {
        const uint8_t * at = input.list.data();
        const openssl::X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(input.list.size())));
        if (X509_CRL_verify(crl.get(), X509_get0_pubkey(input.root.certificate.x509())) != 1)
            state.SkipWithError("the list does not verify");
    }
}

BENCHMARK(openssl_alone)->Name("crl/openssl")->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(ours)->Name("crl/load")->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}
