// From the write of a file to the first handshake with it, as an operator sees it: the server's certificate is replaced on disk
// and a client connects until it is shown the new one. And what generations cost in memory.
//
//   reload/N        N rules, 10 certificates by server name; the counters p50_ms and p99_ms are over all rotations
//   generations/N   N rotations; the counters are the bytes of one more living generation, and what all of them left behind
//
// There is no baseline: a stock server has to be restarted.

#include <algorithm>
#include <chrono>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include "handshake/bound.h"
#include "support/module_world.h"

namespace
{

using namespace chmtls;
using namespace chmtls::test;
using Clock = std::chrono::steady_clock;

/// A world with so many rules, and ten certificates by server name.
class RuleWorld : public ModuleWorld
{
public:
    explicit RuleWorld(int64_t rules)
    {
        std::string text;
        for (int64_t i = 0; i < rules; ++i)
            text += fmt::format("rule{0}: dns=\"*.team-{0}.example.org\" -> user{0}\n", i);
        directory.write("rules.txt", text);
        for (int i = 0; i < 10; ++i)
        {
            const std::string name = fmt::format("sni{}.example", i);
            serve_as(name, leaf(server_spec(name), root));
            options.extra_mtls += fmt::format(
                "<certificate><server_name>{0}</server_name><certificateFile>{1}.crt</certificateFile>"
                "<privateKeyFile>{1}.key</privateKeyFile></certificate>",
                name, directory.file(name));
        }
        options.extra_mtls = "<server_certificates>" + options.extra_mtls + "</server_certificates>";
    }

    [[nodiscard]] Configuration with_rules() const
    {
        auto result = configuration();
        const std::string end = "</users>";
        result.server.insert(result.server.find(end), "<rules_file>" + directory.file("rules.txt") + "</rules_file>");
        return result;
    }

    [[nodiscard]] std::shared_ptr<Plugin> start() const
    {
        auto created = Plugin::create(module_of_this_build(), with_rules(), nullptr);
        if (!created.outcome.ok())
            throw std::runtime_error(created.outcome.message);
        return created.plugin;
    }
};

void reload(benchmark::State & state)
{
    const RuleWorld world(state.range(0));
    const auto plugin = world.start();
    Bound bound(plugin, "https_port");
    const auto server = bound.server(TLS1_3_VERSION);
    const auto client = world.plain_client(TLS1_3_VERSION);
    std::vector<double> milliseconds;
    for (auto _ : state)
    {
        const auto next = leaf(server_spec("server.test"), world.root);
        const auto begin = Clock::now();
        world.serve(next);
        for (bool seen = false; !seen;)
        {
            TlsPair pair(server.get(), client.get());
            if (!pair.run().completed)
            {
                state.SkipWithError("a handshake failed");
                return;
            }
            seen = X509_cmp(SSL_get0_peer_certificate(pair.client()), next.certificate.x509()) == 0;
        }
        const std::chrono::duration<double> took = Clock::now() - begin;
        state.SetIterationTime(took.count());
        milliseconds.push_back(took.count() * 1e3);
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    const auto at = [&](double share)
    {
        return milliseconds[std::min(
            milliseconds.size() - 1, static_cast<size_t>(share * static_cast<double>(milliseconds.size())))];
    };
    state.counters["p50_ms"] = at(0.50);
    state.counters["p99_ms"] = at(0.99);
}

void generations(benchmark::State & state)
{
    const RuleWorld world(100);
    const auto plugin = world.start();
    const auto other = leaf(server_spec("server.test"), world.root);
    const auto rotate = [&](int64_t number)
    {
        world.serve(number % 2 == 0 ? world.server : other);
        if (!plugin->configure(world.with_rules()).ok())
            state.SkipWithError("a rotation failed");
    };
    for (auto _ : state)
    {
        rotate(1);
        rotate(2);
        const size_t warm = ::mallinfo2().uordblks;
        {
            const size_t before = ::mallinfo2().uordblks;
            const auto second = world.start();
            state.counters["bytes_per_generation"] = static_cast<double>(::mallinfo2().uordblks - before);
        }
        for (int64_t i = 0; i < state.range(0); ++i)
            rotate(i + 1);
        state.counters["bytes_left_behind"] = static_cast<double>(::mallinfo2().uordblks) - static_cast<double>(warm);
    }
}

BENCHMARK(reload)->Arg(1)->Arg(100)->Arg(10'000)->UseManualTime()->Iterations(100)->Repetitions(1)->Unit(benchmark::kMillisecond);
BENCHMARK(generations)->Arg(10'000)->Iterations(1)->Repetitions(1)->Unit(benchmark::kSecond);

}
