// Full mutual handshakes in memory, client and server in one thread, with one round trip of application data.
//
// Baseline, in the same run: `plain`, an SSL_CTX of its own with SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT and the
// authority in its store. `binding` is the same server with the module behind it. The client is the same plain one in both.

#include <condition_variable>
#include <thread>

#include <benchmark/benchmark.h>

#include "handshake/bound.h"
#include "support/module_world.h"

namespace
{

using namespace chmtls;
using namespace chmtls::test;

const ModuleWorld & world()
{
    static const ModuleWorld instance;
    return instance;
}

ContextPtr plain_server(int version)
{
    auto context = server_context(version);
    present(context.get(), world().server);
    believe(context.get(), world().root);
    SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char *>("bench"), 5);
    return context;
}

const std::shared_ptr<Plugin> & bound_plugin()
{
    static const std::shared_ptr<Plugin> instance = world().plugin();
    return instance;
}

Bound & bound()
{
    static Bound instance(bound_plugin());
    return instance;
}

ContextPtr server_of(bool with_binding, int version)
{
    return with_binding ? bound().server(version) : plain_server(version);
}

bool check(TlsPair & pair, benchmark::State & state, bool resumed)
{
    const auto & report = pair.run();
    if (report.completed && (SSL_session_reused(pair.server()) == 1) == resumed)
        return true;
    state.SkipWithError(("the handshake is not as it should be: " + report.server.error + report.client.error).c_str());
    return false;
}

/// One client that comes again and again.
void known_client(benchmark::State & state, bool with_binding, int version)
{
    const auto server = server_of(with_binding, version);
    const auto client = world().plain_client(version, world().client);
    for (auto _ : state)
    {
        TlsPair pair(server.get(), client.get());
        if (!check(pair, state, false))
            break;
    }
}

/// Clients that the server has never seen.
void new_client(benchmark::State & state, bool with_binding, int version)
{
    const auto server = server_of(with_binding, version);
    const auto client = world().plain_client(version, world().client);
    const auto key = value(world().client.key.open());
    for (auto _ : state)
    {
        state.PauseTiming();
        const auto issued = value(pki::issue_for_key(client_spec("client"), world().client.key, &world().root));
        TlsPair pair(server.get(), client.get());
        SSL_use_certificate(pair.client(), issued.certificate.x509());
        SSL_use_PrivateKey(pair.client(), key.get());
        state.ResumeTiming();
        if (!check(pair, state, false))
            break;
    }
}

/// A client that resumes: the binding judges the chain in the ticket again, the plain context does not.
void resumption(benchmark::State & state, bool with_binding, int version)
{
    const auto server = server_of(with_binding, version);
    const auto client = world().plain_client(version, world().client);
    SessionPtr session;
    {
        TlsPair first(server.get(), client.get());
        if (!check(first, state, false))
            return;
        session = first.client_session();
    }
    for (auto _ : state)
    {
        TlsPair pair(server.get(), client.get());
        SSL_set_session(pair.client(), session.get());
        if (!check(pair, state, true))
            break;
        session = pair.client_session();
    }
}

/// Rotates the server's certificate ten times a second while handshakes go on in many threads; the plain server is measured
/// beside the same work.
class Publisher
{
public:
    Publisher() : thread_([this](const std::stop_token & stop) { run(stop); }) {}

private:
    void run(const std::stop_token & stop)
    {
        const auto other = leaf(server_spec("server.test"), world().root);
        std::mutex mutex;
        std::condition_variable_any wake;
        for (bool turn = false; !stop.stop_requested(); turn = !turn)
        {
            world().serve(turn ? other : world().server);
            if (!bound_plugin()->configure(world().configuration()).ok())
                return;
            std::unique_lock lock(mutex);
            wake.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
        }
        world().serve(world().server);
        static_cast<void>(bound_plugin()->configure(world().configuration()));
    }

    std::jthread thread_;
};

std::unique_ptr<Publisher> publisher;

void begin_publishing(const benchmark::State &)
{
    publisher = std::make_unique<Publisher>();
}

void end_publishing(const benchmark::State &)
{
    publisher.reset();
}

void publishing(benchmark::State & state, bool with_binding, int version)
{
    known_client(state, with_binding, version);
}

BENCHMARK_CAPTURE(publishing, tls12_plain, false, TLS1_2_VERSION)
    ->ThreadRange(1, 16)
    ->UseRealTime()
    ->Setup(begin_publishing)
    ->Teardown(end_publishing);
BENCHMARK_CAPTURE(publishing, tls12_binding, true, TLS1_2_VERSION)
    ->ThreadRange(1, 16)
    ->UseRealTime()
    ->Setup(begin_publishing)
    ->Teardown(end_publishing);
BENCHMARK_CAPTURE(publishing, tls13_plain, false, TLS1_3_VERSION)
    ->ThreadRange(1, 16)
    ->UseRealTime()
    ->Setup(begin_publishing)
    ->Teardown(end_publishing);
BENCHMARK_CAPTURE(publishing, tls13_binding, true, TLS1_3_VERSION)
    ->ThreadRange(1, 16)
    ->UseRealTime()
    ->Setup(begin_publishing)
    ->Teardown(end_publishing);
BENCHMARK_CAPTURE(known_client, tls12_plain, false, TLS1_2_VERSION);
BENCHMARK_CAPTURE(known_client, tls12_binding, true, TLS1_2_VERSION);
BENCHMARK_CAPTURE(known_client, tls13_plain, false, TLS1_3_VERSION);
BENCHMARK_CAPTURE(known_client, tls13_binding, true, TLS1_3_VERSION);
BENCHMARK_CAPTURE(new_client, tls12_plain, false, TLS1_2_VERSION);
BENCHMARK_CAPTURE(new_client, tls12_binding, true, TLS1_2_VERSION);
BENCHMARK_CAPTURE(new_client, tls13_plain, false, TLS1_3_VERSION);
BENCHMARK_CAPTURE(new_client, tls13_binding, true, TLS1_3_VERSION);
BENCHMARK_CAPTURE(resumption, tls12_plain, false, TLS1_2_VERSION);
BENCHMARK_CAPTURE(resumption, tls12_binding, true, TLS1_2_VERSION);
BENCHMARK_CAPTURE(resumption, tls13_plain, false, TLS1_3_VERSION);
BENCHMARK_CAPTURE(resumption, tls13_binding, true, TLS1_3_VERSION);

}
