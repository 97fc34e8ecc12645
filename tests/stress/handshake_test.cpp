// A thousand rotations of certificate, key and authorities under continuous handshakes with the real module: none fails.

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "handshake/bound.h"
#include "stress/rotations.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

struct Tally
{
    std::atomic<uint64_t> completed{0};
    std::atomic<uint64_t> resumed{0};
    std::atomic<uint64_t> failures{0};
    std::mutex mutex;
    std::string first_failure;

    void fail(const std::string & what)
    {
        failures.fetch_add(1);
        const std::lock_guard guard(mutex);
        if (first_failure.empty())
            first_failure = what;
    }
};

/// Full and resumed handshakes in turn, with a client certificate that is believed in every generation.
void connect_on(Bound & bound, const ModuleWorld & world, int version, const std::atomic<bool> & done, Tally & tally)
{
    const auto server = bound.server(version);
    const auto client = world.plain_client(version, world.client);
    SessionPtr session;
    while (!done)
    {
        TlsPair pair(server.get(), client.get());
        if (session)
            SSL_set_session(pair.client(), session.get());
        if (!pair.run().completed)
        {
            tally.fail("server: " + pair.run().server.error + ", client: " + pair.run().client.error);
            session.reset();
            continue;
        }
        if (!host::SslBinding::identity_of(pair.server()))
            tally.fail("completed without an identity");
        tally.completed.fetch_add(1, std::memory_order_relaxed);
        if (SSL_session_reused(pair.server()) == 1)
            tally.resumed.fetch_add(1, std::memory_order_relaxed);
        session = session ? SessionPtr() : pair.client_session();
    }
}

struct StopAtEnd
{
    std::atomic<bool> & done;
    ~StopAtEnd() { done = true; }
};

TEST(Handshakes, SurviveAThousandRotations)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto other_root = authority("other root");
    std::vector<pki::Issued> leaves;
    for (int i = 0; i < 5; ++i)
        leaves.push_back(leaf(server_spec("server.test"), world.root));

    std::atomic<bool> done{false};
    Tally tally;
    std::vector<std::jthread> threads;
    const StopAtEnd stop{done}; // also when an assertion ends the test early
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION, TLS1_3_VERSION})
        threads.emplace_back([&, version] { connect_on(bound, world, version, done, tally); });

    const int rotations = rotations_to_make();
    const uint64_t before = ModuleWorld::generation(*plugin);
    for (int number = 1; number <= rotations; ++number)
    {
        world.serve(leaves[static_cast<size_t>(number) % leaves.size()]);
        if (number % 2)
            world.trust({world.root, other_root});
        else
            world.trust({world.root});
        const auto outcome = plugin->configure(world.configuration());
        ASSERT_TRUE(outcome.ok()) << outcome.message;
    }
    done = true;
    threads.clear();
    EXPECT_EQ(tally.failures, 0u) << tally.first_failure;
    EXPECT_GE(ModuleWorld::generation(*plugin) - before, static_cast<uint64_t>(rotations));
    EXPECT_GT(tally.completed, 0u);
    RecordProperty("handshakes", std::to_string(tally.completed));
    RecordProperty("resumed", std::to_string(tally.resumed));
}

}
}
