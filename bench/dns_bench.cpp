// What watching names costs: lookups of 1,000 names against a DNS server on loopback, in CPU time of the watching thread alone.
// The counter core_percent is that cost when each name is looked up again every 30 s; the floor of 5 s for all of them is
// core_percent_at_floor. Baseline: the same lookups by getaddrinfo, which can only be done one after the other.

#include <cstdlib>

#include <benchmark/benchmark.h>
#include <netdb.h>

#include "base/wake.h"
#include "dns/cares_resolver.h"
#include "dns/watch.h"
#include "support/dns_server.h"

namespace
{

using namespace chmtls;
using std::chrono::seconds;

constexpr size_t name_count = 1000;

std::vector<std::string> names()
{
    std::vector<std::string> result;
    for (size_t i = 0; i < name_count; ++i)
        result.push_back("node" + std::to_string(i) + ".cluster.example.");
    return result;
}

std::optional<test::DnsReply> zone(const std::string & name, uint16_t type)
{
    if (type != test::dns_a)
        return test::DnsReply{};
    return test::DnsReply{0, {{name, test::dns_a, 30, "10.0.0.1"}}};
}

/// One round: every name is due, asked and answered.
bool round(dns::Watch & watch, dns::Resolver & resolver, const Wake & wake, dns::TimePoint now)
{
    constexpr size_t under_way = 100; // as the service has it
    size_t answered = 0;
    while (answered < name_count)
    {
        for (const auto & name : watch.take_due(now, under_way - std::min(under_way, watch.under_way())))
            resolver.start(name);
        for (const auto & lookup : resolver.wait(wake.handle(), seconds(10)))
        {
            if (lookup.ipv4.kind != dns::Answer::Kind::addresses)
                return false;
            benchmark::DoNotOptimize(watch.ended(lookup, now));
            ++answered;
        }
    }
    return true;
}

void watch_1000_names(benchmark::State & state)
{
    const test::DnsServer server(zone);
    const Wake wake;
    const auto resolver = dns::make_cares_resolver();
    resolver->use({server.address()});
    config::DnsSettings settings;
    settings.enabled = true;
    settings.names = names();
    dns::Watch watch;
    dns::TimePoint now{};
    watch.configure(settings, now);
    timespec begin{};
    timespec end{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (auto _ : state)
    {
        if (!round(watch, *resolver, wake, now))
        {
            state.SkipWithError("a lookup failed");
            return;
        }
        now += seconds(31);
    }
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double spent = static_cast<double>(end.tv_sec - begin.tv_sec) + static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e9;
    const double of_a_round = spent / static_cast<double>(state.iterations());
    state.counters["core_percent"] = of_a_round / 30 * 100;
    state.counters["core_percent_at_floor"] = of_a_round / 5 * 100;
}
BENCHMARK(watch_1000_names)->Unit(benchmark::kMillisecond);

/// What a watch without c-ares would cost at least: the hosts file alone, since the system's resolver cannot be sent to the
/// bench's.
void getaddrinfo_of_1000_names(benchmark::State & state)
{
    for (auto _ : state)
        for (size_t i = 0; i < name_count; ++i)
        {
            addrinfo hints{};
            hints.ai_socktype = SOCK_STREAM;
            addrinfo * found = nullptr;
            if (::getaddrinfo("localhost", nullptr, &hints, &found) != 0)
            {
                state.SkipWithError("localhost does not resolve");
                return;
            }
            ::freeaddrinfo(found);
        }
}
BENCHMARK(getaddrinfo_of_1000_names)->Unit(benchmark::kMillisecond);

}
